//! One process of Daybook: the only place where the write side, what is downstream of the log, and the
//! edge meet.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use daybook_commands::{Commands, CommitterTask};
use daybook_core::{
    app::App,
    audit::Audit,
    auth::{
        KeySet, SigningKey, Verifier,
        claims::OutsideTerms,
        keys::Jwk,
        revocation::{self, Revocations},
    },
    carriers::Carriers,
    config::{self, Config, Part},
    entropy::Clock,
    health::{Around, Health},
    identity::{
        self,
        opening::{Identity, OpenError},
    },
    keys::{self, KeyError},
    limits::RateLimits,
    live::Live,
    log_levels::LogLevels,
    measures::Measures,
    metrics,
    reads::Reads,
    traffic::Traffic,
    vault::{Vault, VaultError},
};
use daybook_effects::{
    Commanding, Effects,
    mail::{MailSettingsError, Mailer},
};
use daybook_http::server::Listeners;
use daybook_migrations::{Features, MigrateError, Oneself, SERVER};
use daybook_mirror::{Mirror, MirrorError};
use daybook_projections::{
    Downstream, Log, Operators, OtherSystem, OwnConnections, Roles, Settings, workers::Crew,
};
use daybook_rpc::{Listener, ListenerError, Served};
use sqlx::{ConnectOptions, PgPool, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tracing::{info, warn};

use crate::{
    connections::{Connections, FOR_REVOCATIONS, Limits, NoRoom},
    further,
    presence::{self, BeingThere},
    telemetry,
    workers::{apart, workers},
};

/// How often a database that is away is looked for.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// The pause between the last answer and the end of its connection.
const LINGER: Duration = Duration::from_millis(50);
/// What workers may take to finish their transactions, when the grace time is over already.
const LEAST_CREW_GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("setting {0}")]
    Mail(#[from] MailSettingsError),
    /// The URL is left out: it contains a password.
    #[error("setting database_url is not a PostgreSQL URL")]
    DatabaseUrl,
    #[error("setting mirror.to: {0}")]
    Mirror(#[from] MirrorError),
    #[error("cannot use the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("cannot use the database: {0}")]
    Schema(#[from] MigrateError),
    #[error(
        "setting database_url: its role owns the log or is a superuser, so it could change what has happened; outside \
         development, name another role here and the owner in migrate_database_url, and run `daybook migrate`, which \
         grants that role what a server needs"
    )]
    DatabaseRole,
    #[error(
        "the database has features that this release doesn't know: {}. A newer release uses it, and there is no way back: run \
         that one",
        .0.join(", ")
    )]
    Newer(Vec<String>),
    #[error("setting database_url: {0}")]
    Connections(#[from] NoRoom),
    #[error(
        "setting nats_url: has no user and no token; outside development, let nats-server ask for credentials and \
         name them here, such as nats://user:password@host"
    )]
    NatsCredentials,
    #[error("setting nats.ca_file: {}: {problem}", file.display())]
    NatsAuthorities { file: PathBuf, problem: String },
    #[error("setting vault.master_key: does not fit the stored keys of persons ({0})")]
    MasterKey(#[from] VaultError),
    #[error(transparent)]
    Identity(#[from] OpenError),
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    #[error("the door: {0}")]
    Door(#[from] ListenerError),
}

/// A process that is up.
pub struct Running {
    /// `None`: it doesn't serve the API.
    pub api: Option<SocketAddr>,
    pub admin: SocketAddr,
    pub telemetry: SocketAddr,
    /// `None`: it has no door.
    pub door: Option<SocketAddr>,
    /// What every interface reads through.
    pub reads: Reads,
    /// What it does in the background.
    pub crew: Crew,
    listeners: Listeners,
    door_listener: Option<Listener>,
    traffic: Traffic,
    committer: Option<CommitterTask>,
    oneself: Oneself,
    pool: PgPool,
    grace: Duration,
}

/// Starts everything that the configuration says, and returns when it is up.
pub async fn start(config: &Config, clock: Clock) -> Result<Running, StartError> {
    metrics::begin();
    if let Some(room) = config.database.room {
        metrics::tell_room(room);
    }
    // What can be wrong without a database is found first.
    let master_key = keys::master_key(config)?;
    let signing_key = SigningKey::load(config)?;
    if config.is_production() && !config.nats_url.has_credentials() {
        return Err(StartError::NatsCredentials);
    }
    if let Some(file) = &config.nats.ca_file {
        check_authorities(file)?;
    }
    let connect = connect_options(config, SERVER)?;
    let pool = |connections| {
        daybook_migrations::pool(connect.clone(), connections, config.database.acquire_timeout.get())
    };
    let queries_pool = pool(config.queries.connections);
    let identity_pool = pool(FOR_REVOCATIONS);
    let vault = Vault::new(queries_pool.clone(), master_key);
    let log = Log::new(queries_pool.clone());
    let mirror = config.mirrors_to().map(|to| Mirror::new(to, &config.mirror)).transpose()?;

    wait_for_database(config, &queries_pool, &connect).await?;
    let (features, oneself) = (Features::new(queries_pool.clone()), presence::oneself());
    let unknown = presence::enter(&oneself, &features, &queries_pool).await?;
    if !unknown.is_empty() {
        return Err(StartError::Newer(unknown));
    }
    if config.is_production() && daybook_migrations::may_change_the_log(&queries_pool).await? {
        return Err(StartError::DatabaseRole);
    }
    let settings = downstream_settings(config);
    let own = OwnConnections::of(&settings, roles(config), mirror.is_some());
    Connections::of(config, own).fit(&Limits::read(&queries_pool).await?)?;
    vault.check_master_key().await?;
    Downstream::prepare(&queries_pool, &settings).await?;
    let command_pool = pool(config.commands.connections);
    // The reactor performs what was asked for, such as registrations, by commands.
    let decides = config.has(Part::Api) || config.has(Part::Reactor);
    let start =
        || Commands::start(config.commands.clone(), features.clone(), connect.clone(), command_pool.clone());
    let (commands, committer) = decides.then(start).unzip();

    let published_key = signing_key.as_ref().map(|key| key.jwk.clone());
    let verifier = verifier(config, &published_key, clock.clone());
    revocation::load(&queries_pool, &verifier).await?;
    let around = identity::opening::Around {
        pool: queries_pool.clone(),
        log: log.clone(),
        vault: vault.clone(),
        features: features.clone(),
        commands: commands.clone(),
        verifier: Arc::clone(&verifier),
        signing_key,
        clock: clock.clone(),
    };
    let identity = Arc::new(Identity::open(around, config).await?);
    let links = Arc::clone(&identity.registering);
    let mailer = Mailer::new(log.clone(), vault.clone(), links, &config.mail, config.mail_folder())?;
    let commanding = Commanding { commands: commands.clone(), log: log.clone(), vault: vault.clone() };
    let downstream = Downstream::new(
        settings,
        config.nats_url.expose().to_owned(),
        roles(config),
        queries_pool.clone(),
        connect.clone(),
        Arc::new(Effects::new(mailer, Arc::clone(&identity), commanding)),
        mirror.map(|mirror| Arc::new(mirror) as Arc<dyn OtherSystem>),
    );
    vault.forget_after(downstream.losses());
    let (audit, audit_writer) = Audit::new(queries_pool.clone(), config.rates.audited_refusals_per_minute);
    let crew = Crew::new({
        let clock = clock.clone();
        move || clock.now()
    });
    let traffic = Traffic::default();
    let reads = Reads::new(downstream.queries(), log.clone(), vault.clone());
    let app = Arc::new(App {
        reads: reads.clone(),
        log,
        operators: Operators::new(queries_pool.clone(), connect),
        crew: crew.clone(),
        vault,
        clock,
        audit,
        published_key,
        rates: RateLimits::new(&config.rates),
        live: Live::new(&config.live, downstream.head()),
        log_levels: LogLevels::new(&config.log.filter, telemetry::set_levels),
        limits: config.http.clone(),
        health: Health {
            queries: queries_pool.clone(),
            commands: command_pool,
            committer: commands.clone(),
            traffic: traffic.clone(),
            nats_url: config.nats_url.expose().to_owned(),
            carriers: Carriers(crew.clone()),
            around: Around::default(),
        },
        revocations: Revocations::new(queries_pool.clone(), verifier.clone()),
        features: features.clone(),
        commands,
        verifier,
        identity,
        traffic: traffic.clone(),
        configuration: config::effective(config),
        measures: Measures::default(),
    });
    crew.keep_apart(apart(&app, identity_pool));
    let being_there = BeingThere {
        oneself: oneself.clone(),
        features,
        pool: queries_pool.clone(),
        operators: downstream.operators(),
    };
    let own = workers(config, &app, &queries_pool, downstream.own_pool(), audit_writer, being_there);
    for worker in downstream.workers().into_iter().chain(own) {
        crew.keep(worker);
    }

    let listeners = Listeners::start(config, &app, further::routes(config))?;
    let served = |address| {
        let served = daybook_door::add_to(Served::default(), &config.door, &app, address);
        daybook_grpc::add_to(served, &app)
    };
    let door_listener =
        if config.has(Part::Api) { Listener::start(&config.door, &app, served)? } else { None };
    Ok(Running {
        api: listeners.api,
        admin: listeners.admin,
        telemetry: listeners.telemetry,
        door: door_listener.as_ref().map(|door| door.address),
        reads,
        crew,
        listeners,
        door_listener,
        traffic,
        committer,
        oneself,
        pool: queries_pool,
        grace: config.http.shutdown_grace.get(),
    })
}

impl Running {
    /// Takes nothing new, lets what is in work finish, and ends within the grace time.
    pub async fn stop(self) {
        let deadline = Instant::now() + self.grace;
        self.traffic.drain();
        while self.traffic.in_flight() > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(LINGER).await;
        self.listeners.stop().await;
        if let Some(door) = &self.door_listener {
            door.stop().await;
        }
        if let Some(committer) = self.committer
            && timeout_at(deadline.max(Instant::now() + LINGER), committer.shutdown()).await.is_err()
        {
            warn!("the committer was still busy when the grace time was over");
        }
        let left = deadline.saturating_duration_since(Instant::now());
        self.crew.stop(left.max(LEAST_CREW_GRACE)).await;
        presence::leave(&self.oneself, &self.pool).await;
        info!("the server has stopped");
    }
}

/// The services of accounts alone, for a verb that works beside servers that run, with the committer that is to be shut
/// down behind it.
pub async fn accounts(config: &Config, clock: Clock) -> Result<(Identity, CommitterTask), StartError> {
    let master_key = keys::master_key(config)?;
    let signing_key = SigningKey::load(config)?;
    let connect = connect_options(config, "daybook-accounts")?;
    let pool =
        || daybook_migrations::pool(connect.clone(), FOR_REVOCATIONS, config.database.acquire_timeout.get());
    let queries = pool();
    daybook_migrations::check_schema(&queries).await?;
    let vault = Vault::new(queries.clone(), master_key);
    vault.check_master_key().await?;
    let features = Features::new(queries.clone());
    features.read().await?;
    let (commands, committer) =
        Commands::start(config.commands.clone(), features.clone(), connect.clone(), pool());
    let published_key = signing_key.as_ref().map(|key| key.jwk.clone());
    let around = identity::opening::Around {
        log: Log::new(queries.clone()),
        pool: queries,
        vault,
        features,
        commands: Some(commands),
        verifier: verifier(config, &published_key, clock.clone()),
        signing_key,
        clock,
    };
    Ok((Identity::open(around, config).await?, committer))
}

fn verifier(config: &Config, own_key: &Option<Jwk>, clock: Clock) -> Arc<Verifier> {
    let own_keys = KeySet::new(own_key);
    let verifier = Verifier::new(&config.tokens.issuer, &config.tokens.audience, own_keys, clock);
    let verifier = verifier.with_outside(OutsideTerms::of(&config.tokens));
    Arc::new(verifier.with_max_age(config.tokens.revocations_max_age.get()))
}

fn connect_options(config: &Config, name: &str) -> Result<PgConnectOptions, StartError> {
    daybook_migrations::connect_options(config.database_url.expose(), name)
        .map_err(|_| StartError::DatabaseUrl)
}

/// Returns when the database can be used. One that is away may come; an old schema will not mend itself.
async fn wait_for_database(
    config: &Config,
    pool: &PgPool,
    connect: &PgConnectOptions,
) -> Result<(), StartError> {
    let deadline = Instant::now() + config.database.start_timeout.get();
    loop {
        let mut looked = daybook_migrations::check_schema(pool).await;
        if let Err(MigrateError::Database(sqlx::Error::PoolTimedOut)) = looked {
            // A pool doesn't say why it has no connection.
            let connected = timeout(config.database.acquire_timeout.get(), connect.connect()).await;
            if let Ok(Err(error)) = connected {
                looked = Err(error.into());
            }
        }
        match looked {
            Ok(()) => return Ok(()),
            Err(error @ MigrateError::Behind { .. }) => return Err(error.into()),
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(error) => {
                warn!(%error, "the database is not there yet");
                sleep(RETRY_EVERY).await;
            }
        }
    }
}

/// The client of NATS reads the file only when it connects.
fn check_authorities(file: &Path) -> Result<(), StartError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let added = |found: Vec<_>| {
        let mut roots = RootCertStore::empty();
        found.into_iter().try_for_each(|one| roots.add(one)).map_err(|error| error.to_string())
    };
    let problem = match read.map_err(|error| error.to_string()) {
        Ok(found) if found.is_empty() => "there is no certificate in it (PEM)".to_owned(),
        read => match read.and_then(added) {
            Ok(()) => return Ok(()),
            Err(problem) => problem,
        },
    };
    Err(StartError::NatsAuthorities { file: file.to_owned(), problem })
}

fn roles(config: &Config) -> Roles {
    Roles {
        relay: config.has(Part::Relay),
        publisher: config.has(Part::Publisher),
        projections: config.has(Part::Projections),
        reactor: config.has(Part::Reactor),
    }
}

fn downstream_settings(config: &Config) -> Settings {
    Settings {
        background: config.background.clone(),
        nats: config.nats.clone(),
        stream: config.stream.clone(),
        public_stream: config.public_stream.clone(),
        projections: config.projections.clone(),
        proof: config.proof.clone(),
        effects: config.effects.clone(),
        cache: config.cache.clone(),
    }
}
