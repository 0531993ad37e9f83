//! Nothing but tests: see the folders beside this file, one a noun, one file a command.
