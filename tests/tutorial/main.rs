//! The public tutorials, line by line, with `hythe` and with the stock `docker` client.

mod first;
mod started;
mod workshop;
