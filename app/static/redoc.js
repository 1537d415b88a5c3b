import { init } from "./redoc/redoc.standalone.js";

const page = document.getElementById("redoc");
const answer = await fetch(page.dataset.url);

// Given the document itself and not its address, Redoc shows no buttons that lead to other hosts.
init(await answer.json(), { disableTelemetry: true }, page);
