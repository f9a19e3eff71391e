//! Directives that act while text is read; `proxy-config` and [`crate::load_module`] execute them. They are listed
//! here so that they are known, and find their way into `-L`.

use proxy_abi::scopes;
use proxy_config::args::Args;
use proxy_config::{Diagnostic, Node};

use crate::directive::{ANY_REQUEST, Directive, GLOBAL, HOSTS};
use crate::lower::Lowering;

const ANYWHERE: u32 = ANY_REQUEST | scopes::CLUSTER;

inventory::submit!(Directive::line(
    "ServerRoot",
    GLOBAL,
    Args::Take1,
    "the directory that relative paths start from",
    done
));
inventory::submit!(Directive::line(
    "LoadModule",
    GLOBAL,
    Args::Take23,
    "brings in a module: its ident, its file, absolute or relative to ServerRoot, and perhaps its sha256=HEX",
    done
));
inventory::submit!(Directive::line(
    "Define",
    HOSTS,
    Args::Take12,
    "defines a variable for ${NAME} and <IfDefine>",
    done
));
inventory::submit!(Directive::line("UnDefine", HOSTS, Args::Take1, "forgets a variable", done));
inventory::submit!(Directive::line(
    "Include",
    ANYWHERE,
    Args::Take1,
    "reads another file, a directory of files, or those that match a pattern",
    done
));
inventory::submit!(Directive::line(
    "IncludeOptional",
    ANYWHERE,
    Args::Take1,
    "as Include, but finding nothing is no error",
    done
));
inventory::submit!(Directive::line("Error", ANYWHERE, Args::Raw, "stops with a message of your own", done));
inventory::submit!(Directive::line("Warning", ANYWHERE, Args::Raw, "warns with a message of your own", done));

/// What reading has done leaves nothing to lower.
fn done(_: &mut Lowering<'_>, _: &Node) -> Result<(), Diagnostic> {
    Ok(())
}
