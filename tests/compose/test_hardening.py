"""How little an attacker gains by breaking into a container."""

from __future__ import annotations

import pytest

from tests.compose.project import FRONT_DOORS, OURS, Project

BEHIND_THE_FRONT_DOOR = ("redis", *OURS)


@pytest.mark.parametrize("service", BEHIND_THE_FRONT_DOOR)
def test_containers_run_without_privileges(project: Project, service: str) -> None:
    """No process is root or has capabilities, and its file system is read-only."""
    has_no_privileges(project, service)


@pytest.mark.parametrize("service", BEHIND_THE_FRONT_DOOR)
def test_each_has_its_limits(project: Project, service: str) -> None:
    """Memory, processes, logs and shutdown are bounded, and Docker restarts it."""
    has_its_limits(project, service)


def test_the_front_door_has_neither(project: Project, front_door: str) -> None:
    """Caddy may bind ports below 1024, and nothing else."""
    has_no_privileges(project, front_door)
    has_its_limits(project, front_door)


def has_no_privileges(project: Project, service: str) -> None:
    for container in project.containers(service):
        users = project.run("docker", "top", container, "-o", "pid,uid,comm").splitlines()[1:]
        assert users
        assert [line for line in users if line.split()[1] in ("0", "root")] == []
        found = project.inspect(container)
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert host["CapAdd"] == (["NET_BIND_SERVICE"] if service == "caddy" else None)
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["Privileged"] is False
        written = project.inside(
            container, "sh", "-c", "touch /x /etc/x; ls /x /etc/x", check=False
        )
        assert written == ""


def has_its_limits(project: Project, service: str) -> None:
    for container in project.containers(service):
        found = project.inspect(container)
        host = found["HostConfig"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
        assert found["State"]["Health"]["Status"] == "healthy"
        assert service == "simulator" or found["Config"]["StopTimeout"] >= 10


def test_redis_is_not_reachable_from_outside(project: Project, front_door: str) -> None:
    """No port of this machine leads to it, and the front door, which is public, cannot reach it."""
    (redis,) = project.containers("redis")
    found = project.inspect(redis)
    assert not any(found["NetworkSettings"]["Ports"].values())
    networks = found["NetworkSettings"]["Networks"]
    assert list(networks) == [f"{project.name}_redis"]
    inspected = project.run("docker", "network", "inspect", f"{project.name}_redis")
    assert '"Internal": true' in inspected

    address = networks[f"{project.name}_redis"]["IPAddress"]
    reach = f"import socket; socket.create_connection(('{address}', 6379), 3); print('reached')"
    (api, *_) = project.containers("api")
    assert project.inside(api, "python", "-c", reach) == "reached\n"
    (public,) = project.containers(front_door)
    (simulator,) = project.containers("simulator")
    assert project.inside(simulator, "python", "-c", reach, check=False) == ""
    own = project.inspect(public)["NetworkSettings"]["Networks"].keys()
    assert own == {f"{project.name}_edge", f"{project.name}_web"}


def test_only_the_front_door_is_published(project: Project, front_door: str) -> None:
    """One port of this machine is open. Of the two front doors only one runs."""
    services = {project.service(container) for container in project.containers()}
    assert services & set(FRONT_DOORS) == {front_door}
    for container in project.containers():
        ports = project.inspect(container)["NetworkSettings"]["Ports"]
        published = [port for bindings in ports.values() if bindings for port in bindings]
        if project.service(container) == front_door:
            assert published == [{"HostIp": "127.0.0.1", "HostPort": str(project.port)}]
        else:
            assert published == []
