//! Buf judges the files of gRPC and calls what a server says it has; a client that is made of the files places an order.

use std::{fs, path::Path, process::Command};

use super::{Bench, npm, python};
use crate::{
    authority,
    catalogue::token,
    failure::{About, Failure},
    settings,
};

const SERVICES: &str = "daybook.v1";
const ORDER: &str = r#"{
    "idempotencyKey": "buf", "lines": [{"sku": "TEA-EARL-GREY", "quantity": "1"}], "currency": "EUR"
}"#;

impl Bench<'_> {
    pub(super) async fn call_by_grpc(&mut self) -> Result<(), Failure> {
        let files = self.files.join("grpc");
        let protocol = self.files.join("../../api/grpc/proto");
        let home = self.home.join("grpc");
        fs::create_dir_all(&home).about(home.display())?;
        for name in ["package.json", "package-lock.json"] {
            fs::copy(files.join(name), home.join(name)).about(name)?;
        }
        if self.install("buf", npm(&home), "npm").await? {
            self.ask_buf(&home.join("node_modules/.bin/buf"), &protocol).await?;
        }
        let environment = home.join("python");
        let install = python(&environment, &files.join("requirements.txt"));
        if self.install("grpcio", install, "python3").await? {
            let python = environment.join("bin/python");
            self.place_order(&python, &files.join("place_order.py"), &protocol).await?;
        }
        Ok(())
    }

    async fn ask_buf(&mut self, buf: &Path, protocol: &Path) -> Result<(), Failure> {
        for (name, arguments) in
            [("buf lint", &["lint"][..]), ("buf breaking", &["breaking", "--against", "released.binpb"])]
        {
            let mut command = Command::new(buf);
            command.args(arguments).current_dir(protocol);
            self.judge(name, &command).await?;
        }
        let (token, place) = (token(self.servers, "customer").await?, &self.servers.place);
        let mut call = Command::new(buf);
        call.args(["curl", "--protocol", "grpc", "--cacert"]).arg(authority::ca_file(place)).args([
            "--header",
            &format!("Authorization: Bearer {token}"),
            "--data",
            ORDER,
            &format!("https://{}/{SERVICES}.OrderService/PlaceOrder", settings::door(place)),
        ]);
        self.judge("buf curl", &call).await
    }

    async fn place_order(&mut self, python: &Path, client: &Path, protocol: &Path) -> Result<(), Failure> {
        let made = self.documents.join("grpc");
        fs::create_dir_all(&made).about(made.display())?;
        let mut compiler = Command::new(python);
        let out = |kind: &str| format!("--{kind}_out={}", made.display());
        compiler.args(["-m", "grpc_tools.protoc", "-I."]).args([out("python"), out("grpc_python")]);
        for name in ["orders", "catalog", "stock", "events", "values"] {
            compiler.arg(format!("daybook/v1/{name}.proto"));
        }
        compiler.current_dir(protocol);
        self.judge("protoc", &compiler).await?;
        let place = &self.servers.place;
        let mut call = Command::new(python);
        call.arg(client)
            .env("PYTHONPATH", &made)
            .env("DOOR", settings::door(place))
            .env("CA_FILE", authority::ca_file(place));
        for role in ["customer", "analyst"] {
            call.env(role.to_uppercase(), token(self.servers, role).await?);
        }
        self.judge("a client of gRPC in Python", &call).await
    }
}
