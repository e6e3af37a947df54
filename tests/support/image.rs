//! Debian's image in which whole homeservers are tested.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    harness::{Skip, skip},
    script,
};

/// The image. It has a newer `PostgreSQL`, and nginx.
pub struct Image(PathBuf);

const BIN: &str = "usr/lib/postgresql/17/bin";

impl Image {
    pub fn find() -> Result<Self, Skip> {
        let cache = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/mas2nix"));
        let found = cache.and_then(|cache| fs::read_dir(cache).ok());
        let mut images = found.into_iter().flatten().filter_map(Result::ok);
        let has_it = |image: &PathBuf| {
            image.join(BIN).join("postgres").exists()
                && image.join("lib64/ld-linux-x86-64.so.2").exists()
        };
        match images.find_map(|entry| Some(entry.path()).filter(has_it)) {
            Some(image) => Ok(Image(image)),
            None => skip("there is no image of Debian, which tests/e2e/driver/image makes"),
        }
    }

    /// A run of one of its programs, from outside of it.
    pub fn run(&self, program: &str) -> Command {
        let mut command = Command::new(self.0.join("lib64/ld-linux-x86-64.so.2"));
        command
            .arg("--library-path")
            .arg(self.0.join("usr/lib/x86_64-linux-gnu"))
            .arg(self.0.join(program));
        command
    }

    /// Makes its client programs of `PostgreSQL` runnable from outside of it.
    pub fn link_programs(&self, directory: &Path) {
        fs::create_dir_all(directory).unwrap();
        for name in ["pg_dump", "pg_restore", "psql"] {
            let run = self.run(&format!("{BIN}/{name}"));
            let words = run.get_args().map(|word| word.to_string_lossy());
            let words: Vec<_> = words.collect();
            let run = format!(
                "exec {} {} \"$@\"",
                run.get_program().display(),
                words.join(" ")
            );
            script(&directory.join(name), &run);
        }
    }

    /// A run of one of the server's programs within it. Nobody else sees what is mounted for that.
    pub fn as_postgres(&self, program: &str, directory: &Path) -> Command {
        let mounts = format!(
            "set -e; mount --make-rprivate /; for at in /tmp /dev /proc; do mount --rbind $at {at}$at; done; \
             exec chroot --userspec=postgres {at} env --chdir={directory} /{BIN}/{program} \"$@\"",
            at = self.0.display(),
            directory = directory.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &mounts, "sh"]);
        command
    }
}
