//! Black-box tests of the container commands, one file a command, against a real daemon.

mod attach;
mod cp;
mod exec;
mod isolation;
mod kill;
mod logs;
mod logs_files;
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
