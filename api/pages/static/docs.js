// Shows the OpenAPI document; no other host is asked for anything.
SwaggerUIBundle({
  dom_id: "#operations",
  url: "/api/v1/openapi.json",
  validatorUrl: null,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  displayOperationId: true,
  tryItOutEnabled: false,
});
