//! The public tutorials, line by line, with `hythe` and with the stock `docker` client.

mod first;
mod notes;
mod started;
mod workshop;
