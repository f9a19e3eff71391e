// The requests of httpd's t/modules/proxy_balancer.t, in its order: one expression. What it does with its manager is a
// test of its own, since proxyd has another one (`tests/suites/balancer.rs`).
[
    get("lbmethod=byrequests", "balancer", "/baltest1/index.html", 200, &[Body("welcome to origin"), Asked("//index.html")]),
    beyond("lbmethod=bytraffic", "no balancer goes by bytes; a module may, as it is told of them"),
    get("lbmethod=bybusyness", "balancer", "/baltest3/index.html", 200, &[Body("welcome to origin"), Asked("//index.html")]),
    beyond("lbmethod=heartbeat (turned off in the source)", "no balancer listens to heartbeats"),
    get("lbmethod of proxyd's own, two choices (not in the source)", "balancer", "/baltest5/index.html", 200, &[Body("welcome to origin")]),
    get("lbmethod of proxyd's own, consistent hashing (not in the source)", "balancer", "/baltest6/index.html", 200, &[Body("welcome to origin")]),
    post("PR 63891, 8 bytes", "balancer", "/baltest_echo_post", 8, &[Echo, Asked("/echo_post")]),
    post("PR 63891, 64 bytes", "balancer", "/baltest_echo_post", 64, &[Echo, Asked("/echo_post")]),
    post("PR 63891, 2048 bytes", "balancer", "/baltest_echo_post", 2048, &[Echo, Asked("/echo_post")]),
    post("PR 63891, 4096 bytes", "balancer", "/baltest_echo_post", 4096, &[Echo, Asked("/echo_post")]),
    post("PR 63891, in chunks (not in the source)", "balancer", "/baltest_echo_post", 4096, &[Echo, Asked("/echo_post")]).body(Chunked(4096)),
]
