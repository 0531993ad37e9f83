//! Black-box tests of the container commands, one file a command, against a real daemon.

mod attach;
mod cp;
mod device;
mod exec;
mod health;
mod hostile;
mod hostile_copy;
mod isolation;
mod kill;
mod logs;
mod logs_files;
mod logs_remote;
mod options;
mod outlive;
mod pause;
mod policy;
mod ps;
mod races;
mod rename;
mod restart;
mod rm;
mod run;
mod runtime;
mod stop;
mod unified;
mod wait;
