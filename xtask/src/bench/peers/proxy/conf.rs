//! What each proxy is told: one worker, connections to origins kept alive and reused, round robin over the same
//! origins, no limits that the load would meet, and an access log only where all write one.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Kind, Proxy, Task};

/// Seconds after which an idle connection may be closed: longer than any measurement.
const IDLE: u32 = 300;

/// The configuration of `proxy`, listening at `addr`; `name` is that of its files.
///
/// # Errors
/// If httpd's modules cannot be found.
pub(super) fn text(proxy: &Proxy, task: &Task<'_>, addr: SocketAddr, name: &str) -> Result<String> {
    let log = task.dir.join(format!("{name}.access.log"));
    Ok(match proxy.kind {
        Kind::Proxyd => proxyd(proxy, task, addr, &log),
        Kind::Nginx => nginx(task, addr, &log),
        Kind::Haproxy => haproxy(task, addr),
        Kind::Httpd => httpd(task, addr, &log, &modules_of(&proxy.program)?),
        Kind::Floor => String::new(),
    })
}

fn proxyd(proxy: &Proxy, task: &Task<'_>, addr: SocketAddr, log: &Path) -> String {
    let mut text = format!(
        "Listen {addr}\nExecutors {}\nErrorLog {}\nLogLevel warn\n",
        task.executors,
        task.dir.join("proxyd.error.log").display()
    );
    // Said only to a server that knows it: an older build is a peer too.
    if knows(&proxy.program, "KeepAliveTimeout") {
        let _ = writeln!(text, "KeepAliveTimeout {IDLE}");
    }
    if knows(&proxy.program, "MaxKeepAliveRequests") {
        text.push_str("MaxKeepAliveRequests 0\n");
    }
    if task.log {
        let _ = writeln!(text, "CustomLog {} combined", log.display());
    }
    let _ = writeln!(text, "LoadModule proxy_lb_module {}", task.programs.module.display());
    for origin in task.origins {
        let _ = writeln!(text, "LBServerCluster origins http://{origin}");
    }
    text.push_str("LBProxyPass / origins\n");
    text
}

/// Whether this build has a directive.
fn knows(program: &Path, directive: &str) -> bool {
    // Of a configuration of its own, as the one that it would find may not be complete.
    let output = Command::new(program).args(["-f", "/dev/null", "-C", "Listen 127.0.0.1:1", "-L"]).output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .any(|line| line.split_whitespace().next() == Some(directive))
    })
}

fn nginx(task: &Task<'_>, addr: SocketAddr, log: &Path) -> String {
    let dir = task.dir.display();
    // Workers started by root would be nobody's and could not write here.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let log =
        if task.log { format!("access_log {} combined", log.display()) } else { "access_log off".into() };
    let mut servers = String::new();
    for origin in task.origins {
        let _ = writeln!(servers, "        server {origin} max_fails=0;");
    }
    format!(
        "\
{user}daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx.error.log warn;
events {{
    use epoll;
    multi_accept on;
    worker_connections {connections};
}}
http {{
    {log};
    client_body_temp_path {dir}/nginx-temp;
    proxy_temp_path {dir}/nginx-temp;
    fastcgi_temp_path {dir}/nginx-temp;
    uwsgi_temp_path {dir}/nginx-temp;
    scgi_temp_path {dir}/nginx-temp;
    tcp_nodelay on;
    keepalive_timeout {IDLE}s;
    keepalive_requests 1000000000;
    upstream origins {{
{servers}        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout {IDLE}s;
    }}
    server {{
        listen {addr} backlog=4096 reuseport;
        location / {{
            proxy_pass http://origins;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            # A long body passes through memory, never through a file.
            proxy_max_temp_file_size 0;
            proxy_buffer_size 32k;
            proxy_buffers 16 32k;
            proxy_busy_buffers_size 256k;
        }}
    }}
}}
",
        connections = task.descriptors.saturating_sub(64).clamp(512, 24_000),
    )
}

fn haproxy(task: &Task<'_>, addr: SocketAddr) -> String {
    // It would insist on two descriptors for each, which idle connections do not need.
    let connections = (task.descriptors * 3 / 5).clamp(512, 24_000);
    // Lines go to its standard output, which is a file here; its own combined format.
    let global = if task.log { "    log stdout len 2048 format raw local0 info\n" } else { "" };
    let log = if task.log {
        "    log global\n    log-format \"%ci - - [%trl] %{+Q}r %ST %B \\\"-\\\" %{+Q}[capture.req.hdr(0)]\"\n"
    } else {
        ""
    };
    let capture = if task.log { "    http-request capture req.hdr(User-Agent) len 64\n" } else { "" };
    let mut servers = String::new();
    for (index, origin) in task.origins.iter().enumerate() {
        let _ = writeln!(servers, "    server origin{index} {origin}");
    }
    format!(
        "\
global
    nbthread 1
    maxconn {connections}
    maxpipes 256
    no strict-limits
    # Idle connections of clients are no reason to close those to origins.
    tune.pool-low-fd-ratio 95
    tune.pool-high-fd-ratio 98
    tune.bufsize 32768
{global}
defaults
    mode http
    timeout connect 5s
    timeout client {IDLE}s
    timeout server {IDLE}s
    timeout http-keep-alive {IDLE}s
    timeout http-request {IDLE}s
    option splice-auto
{log}
frontend clients
    bind {addr} backlog 4096
    maxconn {connections}
{capture}    default_backend origins

backend origins
    balance roundrobin
    http-reuse always
{servers}"
    )
}

fn httpd(task: &Task<'_>, addr: SocketAddr, log: &Path, modules: &Path) -> String {
    let dir = task.dir.display();
    let mut text = String::new();
    for module in [
        "mpm_event",
        "unixd",
        "authz_core",
        "log_config",
        "slotmem_shm",
        "proxy",
        "proxy_http",
        "proxy_balancer",
        "lbmethod_byrequests",
    ] {
        // What has no file is compiled in; which ones are, is the distribution's choice.
        let file = modules.join(format!("mod_{module}.so"));
        if file.is_file() {
            let _ = writeln!(text, "LoadModule {module}_module {}", file.display());
        }
    }
    let _ = writeln!(
        text,
        "\
Listen {addr}
ListenBacklog 4096
ServerName localhost
ServerRoot {dir}
DefaultRuntimeDir {dir}
PidFile {dir}/httpd.pid
ErrorLog {dir}/httpd.error.log
LogLevel error
User {user}
Group {group}
ServerLimit 1
StartServers 1
ThreadLimit 512
ThreadsPerChild 512
MaxRequestWorkers 512
AsyncRequestWorkerFactor 64
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout {IDLE}
<Proxy balancer://origins>",
        user = if rustix::process::geteuid().is_root() { "www-data" } else { "${USER}" },
        group = if rustix::process::geteuid().is_root() { "www-data" } else { "${USER}" },
    );
    for origin in task.origins {
        let _ = writeln!(text, "    BalancerMember http://{origin} retry=0");
    }
    text.push_str("</Proxy>\nProxyPass / balancer://origins/\n");
    if task.log {
        text.push_str("LogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" combined\n");
        let _ = writeln!(text, "CustomLog {} combined", log.display());
    }
    text
}

/// Where httpd keeps its modules, by where its program is.
fn modules_of(program: &Path) -> Result<std::path::PathBuf> {
    let root = program.parent().and_then(Path::parent).unwrap_or_else(|| Path::new("/usr"));
    ["lib/apache2/modules", "lib64/httpd/modules", "modules", "lib/httpd/modules"]
        .into_iter()
        .map(|dir| root.join(dir))
        .find(|dir| dir.join("mod_proxy.so").is_file())
        .with_context(|| format!("no modules of {} below {}", program.display(), root.display()))
}
