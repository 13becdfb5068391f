//! A small disk of a test's own, where the test may mount one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory; gone when the test ends.
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one of `bytes` at `path`, which is made; `None` where that is forbidden, which it says.
    #[expect(clippy::print_stdout, reason = "what is skipped is said")]
    pub fn at(path: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        if !is_mounted {
            println!("skipped: no file system can be mounted here");
            return None;
        }
        Some(Self(path.to_owned()))
    }

    /// Takes all that is left of it at the moment, as another program's log would.
    pub fn fill(&self) {
        let ballast = File::options()
            .create(true)
            .append(true)
            .open(self.ballast());
        let mut ballast = ballast.unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    /// Gives that back.
    pub fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        let _ = unmount.arg("--lazy").arg(&self.0).status();
    }
}
