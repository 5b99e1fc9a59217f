//! Keeps Mesa's layer for the selection of devices from complaining on stderr.
//!
//! The implicit Vulkan layer `VK_LAYER_MESA_device_select` asks a Wayland compositor for its device as soon as an instance
//! has the extension of Wayland surfaces, as those of wgpu have. Without XDG_RUNTIME_DIR, as in a container or a batch job,
//! libwayland then prints `error: XDG_RUNTIME_DIR is invalid or not set in the environment.`, although nothing is wrong.
//! The layer is left out where the environment variable NODEVICE_SELECT is 1. A process cannot safely change its own
//! environment, so it starts its program anew.

/// Starts this program anew in the same process, with NODEVICE_SELECT=1, where the layer could only complain: on Linux,
/// without XDG_RUNTIME_DIR, and unless a variable of the layer is set. Otherwise, and if that fails, does nothing. To be
/// called before anything else.
pub fn leave_out() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        use std::{env, path::Path, process::Command};
        let has_runtime_dir = env::var_os("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).is_absolute());
        let variables = ["NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT", "DRI_PRIME"];
        if has_runtime_dir || variables.iter().any(|name| env::var_os(name).is_some()) {
            return;
        }
        let Ok(program) = env::current_exe() else { return };
        let mut arguments = env::args_os();
        let mut command = Command::new(program);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        // It returns only if it fails. Then the line on stderr is all that is lost.
        let _ = command.args(arguments).env("NODEVICE_SELECT", "1").exec();
    }
}
