// The rows of httpd's test/modules/proxy/test_01_http.py, test_02_unix.py, and of t/apache/hostcheck.t for its strict
// hosts, in their order: one expression. Between client and proxyd there is no TLS, which httpd's have. The origin says
// which document it was asked for by the name of the host; those of test_02 that go to a unix socket begin with `uds-`.
[
    get("proxy 01_001 reverse", "reverse", "/alive.json", 200, &[Body("test1")]),
    get("proxy 01_001 mixed", "mixed", "/alive.json", 200, &[Body("generic")]),
    get("proxy 01_002 reverse", "reverse", "http://reverse/alive.json", 200, &[Body("test1"), Asked("/alive.json")]),
    get("proxy 01_002 forward", "forward", "http://forward/alive.json", 200, &[Unasked]).but(404, "not within a reverse proxy's scope: an absolute target is no reason to go there"),
    get("proxy 01_002 mixed", "mixed", "http://mixed/alive.json", 200, &[Body("generic"), Asked("/alive.json")]),
    get("proxy 01_003", "test1", "/proxy/alive.json", 200, &[Body("test1"), Asked("/alive.json")]),
    get("proxy 01_003, a redirect (not in the source)", "test1", "/proxy/perm", 301, &[Field("Location", "http://test1/proxy/alias")]),
    get("proxy 02_001 reverse", "uds-reverse", "/alive.json", 200, &[Body("faked")]),
    get("proxy 02_001 mixed", "uds-mixed", "/alive.json", 200, &[Body("faked")]),
    get("proxy 02_002 forward", "forward", "http://forward/alive.json", 200, &[Unasked]).but(404, "not within a reverse proxy's scope: an absolute target is no reason to go there"),
    get("proxy 02_002 mixed", "uds-mixed", "http://uds-mixed/alive.json", 200, &[Body("faked"), Asked("/alive.json")]),
    get("proxy 02_003 reverse", "uds-reverse", "unix:/run/proxy_02.sock|http://127.0.0.1:80/alive.json", 400, &[Unasked]),
    get("proxy 02_003 forward", "forward", "unix:/run/proxy_02.sock|http://127.0.0.1:80/alive.json", 500, &[Unasked]).but(400, "what is no target is the client's fault"),
    get("proxy 02_003 mixed", "uds-mixed", "unix:/run/proxy_02.sock|http://127.0.0.1:80/alive.json", 500, &[Unasked]).but(400, "what is no target is the client's fault"),
    get("hostcheck strict 1", "localhost", "/", 400, &[Unasked]),
    get("hostcheck strict 2", "localhost:1", "/", 400, &[Unasked]),
    get("hostcheck strict 3", "notlisted", "/", 400, &[Unasked]),
    get("hostcheck strict 4", "127.0.0.1", "/", 400, &[Unasked]),
    get("hostcheck strict 5", "default-strict", "/", 200, &[Body("welcome to origin")]),
    get("hostcheck strict 6", "nvh-strict", "/", 200, &[Body("welcome to origin")]),
    get("hostcheck strict 7", "nvh-strict:1", "/", 200, &[Body("welcome to origin")]),
]
