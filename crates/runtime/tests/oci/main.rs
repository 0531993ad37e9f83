//! Containers made by the OCI command line, compared with runc where runc says what is right. They need root, `busybox`
//! (static) and `runc` on the machine, as CI has them.

mod bundle;
mod entered;
mod hooks;
mod hostile;
mod life;
mod remapped;
mod seen;
