import { excuse, post, show, takeToken } from "./account.js";

const token = takeToken();
const failed = document.getElementById("failed");

async function verify() {
  show("working");
  const answer = await post("auth/verify_email", { token });
  if (answer.status === 204) show("done");
  else if (answer.status === 422) show("refused");
  else {
    show("failed");
    excuse(failed, answer);
  }
}

failed.querySelector("button").addEventListener("click", verify);

if (token) verify();
else show("no-token");
