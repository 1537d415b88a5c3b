"""What every answer tells a browser it may do with it, unless the view says otherwise."""

# As OWASP's secure headers project recommends. The one about TLS is for the proxy to say.
DEFAULTS = {
    # Every answer is true when it is given, and may not be a moment later.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    # It does not concern the programs of CORS_ORIGINS, whose requests are those of CORS.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # For browsers too old for frame-ancestors.
    "X-Frame-Options": "DENY",
}
