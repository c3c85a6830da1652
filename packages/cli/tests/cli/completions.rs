use crate::support::knocker;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = knocker(&["completions", shell]).ok().stdout;
        assert!(script.contains("deliveries") && script.contains("requeue"), "{shell}");
    }
    assert_eq!(knocker(&["completions", "tcsh"]).code, 2);
}

#[test]
fn bash_takes_its_script() {
    let script = knocker(&["completions", "bash"]).ok().stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("knocker.bash");
    std::fs::write(&file, script).unwrap();
    let checked = std::process::Command::new("bash").arg("-n").arg(&file).status().unwrap();
    assert!(checked.success());
}
