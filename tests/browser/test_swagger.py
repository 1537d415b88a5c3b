"""Swagger UI: signing in and trying the API out, in the page."""

import json

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.swagger import SIGN_IN, SIGN_OUT, operation, sign_in, try_out
from tests.people import People

A_MONTH = json.dumps({"lifetime_minutes": 43200})


def test_every_operation_is_shown(open_tab: OpenTab, http: httpx.Client) -> None:
    page = open_tab("/swagger").page
    paths = http.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            expect(operation(page, method, path)).to_be_visible()


def test_one_signs_in_with_address_and_password_and_publishes_a_code(
    open_tab: OpenTab, register: People
) -> None:
    ada = register()
    page = open_tab("/swagger").page
    form = sign_in(page, ada.email, ada.password)
    expect(form.get_by_role("heading", name="Authorized")).to_be_visible()
    form.get_by_role("button", name="Close").click()
    answer = try_out(page, "POST", "/referral/code", A_MONTH)
    expect(answer).to_contain_text("201")
    code = ada.get("/referral/code").json()["code"]
    expect(answer).to_contain_text(f'"code": "{code}"')
    assert ada.get("/api/v1/referral/code").json()["code"] == code


def test_without_signing_in_the_answer_says_so(open_tab: OpenTab) -> None:
    answer = try_out(open_tab("/swagger").page, "POST", "/referral/code", A_MONTH)
    expect(answer).to_contain_text("401")
    expect(answer).to_contain_text("token_missing")


def test_a_wrong_password_is_refused_in_the_dialog(open_tab: OpenTab, register: People) -> None:
    form = sign_in(open_tab("/swagger").page, register().email, "not the password")
    expect(form.locator(".errors")).to_contain_text("The e-mail address or the password is wrong.")
    expect(form.get_by_role("button", name=SIGN_IN)).to_be_visible()


def test_whoever_signs_out_in_the_dialog_is_signed_out(open_tab: OpenTab, register: People) -> None:
    ada = register()
    page = open_tab("/swagger").page
    form = sign_in(page, ada.email, ada.password)
    form.get_by_role("button", name=SIGN_OUT).click()
    expect(form.get_by_role("button", name=SIGN_IN)).to_be_visible()
    form.get_by_role("button", name="Close").click()
    answer = try_out(page, "GET", "/auth/me")
    expect(answer).to_contain_text("401")
