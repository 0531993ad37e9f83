//! Black-box tests of the container commands, one file a command, against a real daemon.

mod attach;
mod cp;
mod device;
mod exec;
mod isolation;
mod kill;
mod logs;
mod logs_files;
mod options;
mod outlive;
mod pause;
mod ps;
mod rename;
mod restart;
mod rm;
mod run;
mod runtime;
mod stop;
mod wait;
