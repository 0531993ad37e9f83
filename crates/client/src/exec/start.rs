//! `POST /exec/ID/start`.

use errdefs::Result;

use crate::Client;
use crate::hijack::Session;
use crate::query::segment;
use crate::request::Request;

impl Client {
    /// Starts the process and leaves it alone.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn exec_start(&self, id: &str, request: &api::exec::StartRequest) -> Result<()> {
        self.run(Request::post(format!("/exec/{}/start", segment(id))).json(request)?)
    }

    /// Starts the process and joins its standard streams.
    ///
    /// # Errors
    /// If it does not exist. That it could not be started is told in the stream.
    pub fn exec_attach(&self, id: &str, request: &api::exec::StartRequest) -> Result<Session> {
        self.hijack(Request::post(format!("/exec/{}/start", segment(id))).json(request)?)
    }
}
