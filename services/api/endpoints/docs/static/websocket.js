// AsyncAPI's component in <main id="viewer">.
// Its settings: asyncapi-react/docs/configuration/config-modification.md.
"use strict";

const viewer = document.getElementById("viewer");
const url = new URL(viewer.dataset.document, location.href).href;

const config = {
  show: { messages: false }, // they stand under Operations already
  expand: { messageExamples: true },
  sendLabel: "SERVER SENDS",
};

AsyncApiStandalone.render({ schema: { url }, config }, viewer);
