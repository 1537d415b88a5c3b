"use strict";

const page = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: page,
  url: page.dataset.url,
  deepLinking: true,
  // By default the address of the document goes to a validator on another host.
  validatorUrl: null,
});
