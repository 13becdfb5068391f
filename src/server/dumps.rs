//! No dump of this process's memory is written, and nobody but root reads it: prompts, keys and
//! providers' credentials are in it.

use rustix::io::Result;
use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids dumps; what an operator should know if the system does not let us.
pub fn forbid() -> Option<String> {
    let failed = limit().and_then(|()| hide()).err()?;
    Some(format!(
        "memory dumps of this process cannot be ruled out ({failed}); rule them out for it (LimitCORE=0, ulimit -c 0)"
    ))
}

/// Holds wherever a core is written to a file.
fn limit() -> Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
}

/// Holds also where a program takes the core, and against those that attach to a running process.
#[cfg(target_os = "linux")]
fn hide() -> Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

#[cfg(not(target_os = "linux"))]
fn hide() -> Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    #[test]
    fn a_process_can_rule_dumps_out() {
        assert_eq!(forbid(), None);
        let behavior = dumpable_behavior().unwrap();
        assert_eq!(behavior, DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
