//! The texts of `-S` and `-L`.

use super::fake::{module, sound};
use crate::dump;

#[test]
fn virtual_hosts_are_listed_by_address() {
    let configured = sound(
        "Listen 80\nListen 127.0.0.1:81\n<VirtualHost *:80>\nServerName a.example\nServerAlias www.a.example *.a\n\
         </VirtualHost>\n<VirtualHost *:80>\nServerName b.example\n</VirtualHost>\n<VirtualHost 127.0.0.1:81>\n\
         </VirtualHost>",
    );
    assert_eq!(
        dump::virtual_hosts(&configured.conf, &configured.sources),
        "\
VirtualHost configuration:
*:80                   is a NameVirtualHost
         default server a.example (/srv/conf/proxyd.conf:3)
         port 80 namevhost a.example (/srv/conf/proxyd.conf:3)
                 alias www.a.example
                 wild alias *.a
         port 80 namevhost b.example (/srv/conf/proxyd.conf:7)
127.0.0.1:81           (no ServerName) (/srv/conf/proxyd.conf:10)
"
    );
}

#[test]
fn the_running_configuration_is_summed_up() {
    let configured = sound("Listen 80\nErrorLog logs/error\nPidFile run/pid\nDefine A\nDefine B c");
    assert_eq!(
        dump::run_cfg(&configured.conf, &configured.defines),
        "ServerRoot: \"/srv\"\nMain ErrorLog: \"/srv/logs/error\"\nPidFile: \"/srv/run/pid\"\n\
         Define: A\nDefine: B=c\n"
    );
}

#[test]
fn directives_are_listed_with_owner_and_place() {
    let modules = [module("x_module", &[("XKeyed", proxy_abi::ArgKind::KEYED, 1 | 2)])];
    let text = dump::directives(&modules);
    for expected in [
        "<VirtualHost (core)\n\ta server of its own for some addresses or host names\n\
         \tTakes one or more arguments\n\tAllowed outside of all sections only\n",
        "MaxTries (core)\n",
        "\tAllowed in the server's configuration, <VirtualHost>, <Location>\n",
        "XKeyed (x_module)\n\twhat XKeyed is for\n\tTakes a name, then one or more values that are added to its list\n",
    ] {
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
}
