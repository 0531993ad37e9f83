//! Other people's clients against the engine: bollard, and docker-py with its own integration tests.

mod bollard;
mod docker_py;
