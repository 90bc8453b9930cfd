"""The HTTP API: one module for each resource. A module lists its operations, from which both the routes and the OpenAPI
document are made; its handlers only translate between HTTP and the services."""
