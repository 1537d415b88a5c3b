import { excuse, post, show, takeToken } from "./account.js";

const token = takeToken();
const { choose, ask } = document.forms;
const password = document.getElementById("password");
const email = document.getElementById("email");
const shown = document.getElementById("shown");

async function setPassword() {
  const fault = faultOfLength();
  if (fault) return blame(password, fault);
  const body = { token, new_password: password.value };
  const answer = await post("auth/reset_password/confirm", body);
  if (answer.status === 204) return show("done");
  if (answer.errors?.new_password) return blame(password, inWords(answer.errors.new_password[0]));
  if (answer.status === 422) return show("refused", "ask");
  excuse(choose, answer);
}

async function askForLink() {
  const answer = await post("auth/reset_password", { email: email.value.trim() });
  if (answer.status === 202) return show("asked");
  if (answer.status === 422) return blame(email, email.dataset.invalid);
  excuse(ask, answer);
}

function faultOfLength() {
  // The service counts characters, of which some are two for `length` and `minlength`.
  const { length } = [...password.value];
  if (length < password.minLength) return password.dataset.tooShort;
  if (length > Number(password.dataset.longest)) return password.dataset.tooLong;
}

function inWords(message) {
  return /commonest/.test(message) ? password.dataset.tooCommon : message;
}

function blame(field, message) {
  document.getElementById(`${field.id}-wrong`).textContent = message;
  field.setAttribute("aria-invalid", "true");
  field.focus();
}

function forgetFaults(form) {
  for (const place of form.querySelectorAll(".wrong")) place.textContent = "";
  for (const field of form.querySelectorAll("input")) field.removeAttribute("aria-invalid");
}

/** Let a submit of the form do this, once at a time. */
function onSubmit(form, send) {
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    form.setAttribute("aria-busy", "true");
    forgetFaults(form);
    await send();
    form.removeAttribute("aria-busy");
    busy = false;
  });
}

onSubmit(choose, setPassword);
onSubmit(ask, askForLink);
shown.addEventListener("change", () => {
  password.type = shown.checked ? "text" : "password";
});

if (token) show("choose");
else show("no-token", "ask");
