// Swagger UI in <main id="viewer">. Its settings: swagger-ui/docs/usage/configuration.md.
"use strict";

const viewer = document.getElementById("viewer");
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

SwaggerUIBundle({
  url: viewer.dataset.document,
  domNode: viewer,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // the default would report every visit to swagger.io
});
