"""The settings of the gateway."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common import languages
from common.defaults import default_of
from common.errors import SettingsError
from common.options import OPTIONS, Numbers, RedactForm, SessionOptions
from common.secret_url import SecretUrls
from common.settings import CommonSettings, setting


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(CommonSettings):
    """Where the gateway listens, what it admits, and the defaults of a session."""

    host: str = setting(
        "127.0.0.1",
        "address that the gateway listens on; 0.0.0.0 is every one, and then it needs keys, or"
        " --no-auth",
        also=("STREAM_HOST", "IP_ADDR", "RNNT_SERVER_HOST"),
    )
    port: int = setting(
        8000,
        "port that the gateway listens on; 0 takes a free one",
        minimum=0,
        maximum=65535,
        also=("RNNT_SERVER_PORT",),
    )
    stream_port: int | None = setting(
        None,
        "TCP port for raw audio, as whisper_streaming's server has it, there 43007; 0 takes a free"
        " one, none is off",
        minimum=0,
        maximum=65535,
        also=("STREAM_PORT",),
    )
    stream_ws_port: int | None = setting(
        None,
        "the same for its WebSocket server, there 43008",
        minimum=0,
        maximum=65535,
        also=("STREAM_WS_PORT",),
    )
    vosk_port: int | None = setting(
        None,
        "WebSocket port for clients of vosk-server that know no path, there 2700; 0 takes a free"
        " one, and without it there is none",
        minimum=0,
        maximum=65535,
    )
    audiosocket_port: int | None = setting(
        None,
        "TCP port for Asterisk's AudioSocket, often 9092; 0 takes a free one, and without it there"
        " is none",
        minimum=0,
        maximum=65535,
    )
    ssl_certfile: Path | None = setting(None, "certificate chain for TLS, PEM")
    ssl_keyfile: Path | None = setting(None, "private key of --ssl-certfile, PEM")
    generate_self_signed_cert: bool = setting(
        False, "serve TLS with a self-signed certificate; clients must be told to trust it"
    )
    self_signed_cert_dir: Path | None = setting(
        None,
        "directory that keeps the self-signed certificate, so that it is trusted once; several"
        " gateways may share it; without it a new one is made at each start",
    )

    max_sessions: int = setting(500, "sessions that this gateway admits at a time", minimum=1)
    max_sessions_per_key: int = setting(
        0,
        "calls at a time of one API key, or else address, all gateways; 0: no limit",
        minimum=0,
    )
    max_absent_per_key: int = setting(
        100,
        "calls of one key that may wait for their clients; beyond it the oldest one ends",
        minimum=0,
    )
    max_unopened_per_key: int = setting(
        100,
        "connections of one key that may wait with their calls longer than --opening-s; beyond it"
        " the oldest one is closed",
        minimum=0,
    )
    trusted_proxies: str | None = setting(
        None,
        "addresses and networks, with commas, of proxies whose X-Forwarded-For or Forwarded"
        " tells a client's address",
    )
    no_auth: bool = setting(
        False, "ask nobody for a key who reaches the port, whatever keys there are"
    )
    keys_file: Path | None = setting(
        None, "API keys beside those in Redis: what `callscribe keys list --json` prints"
    )
    jwt_secret_file: Path | None = setting(
        None, "secret of JSON Web Tokens that are signed with HS256, in place of API keys"
    )
    jwt_public_key_file: Path | None = setting(
        None, "the same for RS256 or ES256: the public key, PEM"
    )
    jwt_jwks_file: Path | None = setting(
        None, "the same with several public keys: a JSON Web Key Set"
    )
    twilio_auth_token_file: Path | None = setting(
        None, "auth token of a Twilio account, which then has to sign each handshake at `/twilio`"
    )
    jwt_issuer: str | None = setting(None, "`iss` that such a token must have")
    jwt_audience: str | None = setting(None, "`aud` that such a token must have")
    jwt_tenant: str | None = setting(
        None, "tenant of all such tokens; without it each names its own as `tenant`"
    )
    allowed_origins: str | None = setting(
        None,
        "origins, with commas, of web pages that may use this server, * for all; without it those"
        " of its own host and of this machine",
    )
    port_tenant: str | None = setting(
        None,
        "tenant of the calls at TCP ports, whose protocols carry no key; where keys are needed,"
        " such a port needs it",
    )
    admin_port: int | None = setting(
        None,
        "port for /metrics, /ws/status and /health/extended, without keys: for operators' networks;"
        " without it they are at --port and need a key with the scope admin",
        minimum=0,
        maximum=65535,
    )
    admin_host: str = setting(
        "127.0.0.1",
        "address of --admin-port; who reaches it may read the metrics, and drain this gateway",
    )
    asr_load: float = setting(
        0.4,
        "share of a recogniser's time that ends of utterances may take before calls are refused; "
        "0 goes by places alone",
        minimum=0,
        maximum=1,
    )
    max_audio_rate: float = setting(
        16.0,
        "how many times faster than spoken audio is accepted, beyond --audio-burst-s",
        minimum=1,
    )
    audio_burst_s: float = setting(
        30.0, "audio accepted in one go before --max-audio-rate holds", unit="s", minimum=0
    )
    opening_s: float = setting(
        30.0,
        "time that a connection has to open its call; an hour more in protocols whose clients"
        " connect long before they speak",
        unit="s",
        minimum=0.1,
    )
    max_message_bytes: int = setting(
        1 << 20, "largest message accepted from a client", unit="bytes", minimum=1024
    )
    max_files: int = setting(
        4, "files that are received and recognised at a time; 0 takes none", minimum=0
    )
    max_upload_bytes: int = setting(200 << 20, "largest file accepted", unit="bytes", minimum=1024)
    max_file_s: float = setting(14_400.0, "longest audio of a file", unit="s", minimum=1)
    flush_ms: int = setting(
        5,
        "interval in which all sessions' audio is written to Redis in one go, up to twice as long"
        " with many",
        unit="ms",
        minimum=1,
        maximum=100,
    )
    retention_s: float = setting(
        300.0, "how long a finished session's transcript stays readable", unit="s", minimum=1
    )
    resume_s: float = setting(
        60.0,
        "how long a call whose connection broke waits for its client; 0: it ends immediately",
        unit="s",
        minimum=0,
        maximum=90,
    )
    words_wait_s: float = setting(
        5.0,
        "how long a call's end waits for times of words still to come",
        unit="s",
        minimum=0,
        maximum=60,
    )
    webhook_url: str | None = setting(
        None, "URL that gets the finals of every call, unless a call names its own"
    )
    webhook_hosts: str | None = setting(
        None, "hosts, with commas, that a call's own webhook may have; without it no call has one"
    )
    webhook_networks: str | None = setting(
        None,
        "addresses and networks, with commas, where a webhook's host may be beside public ones",
    )
    webhook_secret_file: Path | None = setting(
        None, "file with the secrets that webhooks are signed with, whsec_<base64>, one a line"
    )
    webhook_keep_s: float = setting(
        3600.0,
        "how long a message is tried on a webhook that does not take it",
        unit="s",
        minimum=1,
    )
    sinks: SecretUrls | None = setting(
        None,
        "where the results of every call go, with commas: NAME=file:/folder,"
        " NAME=s3://bucket/prefix, NAME=postgresql://host/database, NAME=amqp://host/vhost,"
        " NAME=kafka://host:port/topic",
    )
    sinks_file: Path | None = setting(
        None, "file with more of them, one a line: for URLs that have passwords"
    )
    sinks_keep_s: float = setting(
        86_400.0,
        "how long a message is tried on a sink that does not take it",
        unit="s",
        minimum=1,
    )
    recordings: str | None = setting(
        None,
        "where calls that are recorded go: file:/folder or s3://bucket/prefix; without it none is",
    )
    otlp_endpoint: str | None = setting(
        None,
        "base URL of an OpenTelemetry collector that gets spans of calls over OTLP/HTTP, such as"
        " http://localhost:4318; without it none are made",
        also=("OTEL_EXPORTER_OTLP_ENDPOINT",),
    )
    denoise_unavailable: Literal["refuse", "continue"] = setting(
        "refuse", "what becomes of a session that asks for denoising when no worker offers it"
    )

    language: str | None = default_of("language", also=("STREAM_LANG",))
    languages: str | None = setting(
        None,
        "what is detected is one of these, with commas, unless a call says otherwise",
    )
    vad_threshold: float = default_of("vad_threshold")
    silence_threshold: float = default_of("silence_threshold")
    min_speech_duration: float = default_of("min_speech_duration")
    max_utterance: float = default_of("max_utterance")
    chunk_size_sec: float = default_of("chunk_size_sec")
    unfixed_chunk_num: int = default_of("unfixed_chunk_num")
    unfixed_token_num: int = default_of("unfixed_token_num")
    enable_noise_suppression: bool = default_of("denoise")
    numbers: Numbers = default_of("numbers")
    redact: str | None = setting(
        None,
        "hidden in texts, with commas; needs --language, unless a call says otherwise",
    )
    redact_form: RedactForm = default_of("redact_form")
    record: bool = default_of("record")

    def __post_init__(self) -> None:
        """Refuse half a TLS identity, two of them, and values that contradict each other."""
        defaults = self.session_defaults()
        if self.min_speech_duration >= self.max_utterance:
            raise SettingsError(
                f"--min-speech-duration: {self.min_speech_duration:g} s is not less than "
                f"--max-utterance ({self.max_utterance:g} s)"
            )
        if defaults.languages and defaults.language not in (None, *defaults.languages):
            raise SettingsError(f"--languages: {defaults.contradiction}")
        if defaults.contradiction:
            flag = "--redact" if self.redact else "--numbers"
            raise SettingsError(f"{flag}: {defaults.contradiction}")
        self._check_access()
        self._check_tls()

    def _check_access(self) -> None:
        given = {
            "--keys-file": self.keys_file,
            "--jwt-secret-file": self.jwt_secret_file,
            "--jwt-public-key-file": self.jwt_public_key_file,
            "--jwt-jwks-file": self.jwt_jwks_file,
        }
        for flag, path in given.items():
            if path is not None and self.no_auth:
                raise SettingsError(f"{flag}: not together with --no-auth")

    def _check_tls(self) -> None:
        if self.self_signed_cert_dir is not None and not self.generate_self_signed_cert:
            raise SettingsError("--self-signed-cert-dir: only with --generate-self-signed-cert")
        for flag, path, other in (
            ("--ssl-certfile", self.ssl_certfile, self.ssl_keyfile),
            ("--ssl-keyfile", self.ssl_keyfile, self.ssl_certfile),
        ):
            if path is None:
                continue
            if other is None:
                raise SettingsError(f"{flag}: --ssl-certfile and --ssl-keyfile go together")
            if self.generate_self_signed_cert:
                raise SettingsError(f"{flag}: not together with --generate-self-signed-cert")
            if not path.is_file():
                raise SettingsError(f"{flag}: there is no file {path}")

    def _redacted(self) -> tuple[str, ...]:
        given = _listed(self.redact)
        known = OPTIONS["redact"].choices
        if unknown := [each for each in given if each not in known]:
            raise SettingsError(f"--redact: {unknown[0]!r} is none of {', '.join(known)}")
        return tuple(dict.fromkeys(given))

    def session_defaults(self) -> SessionOptions:
        """Return the options of a session that asks for nothing."""
        settings = {each.name: each.setting for each in OPTIONS.values() if each.setting}
        # An option that is None here gets its value from another service's setting.
        ours = {name: own for name, own in settings.items() if hasattr(self, own)}
        values = {name: getattr(self, own) for name, own in ours.items()}
        if self.language is not None:
            values["language"] = _resolved("--language", self.language)
        found = (_resolved("--languages", each) for each in _listed(self.languages))
        values["languages"] = tuple(dict.fromkeys(each for each in found if each is not None))
        values["redact"] = self._redacted()
        return SessionOptions(**values)


def _listed(given: str | None) -> list[str]:
    return [each.strip() for each in (given or "").split(",") if each.strip()]


def _resolved(flag: str, language: str) -> str | None:
    try:
        return languages.resolve(language)
    except languages.UnknownLanguage as error:
        raise SettingsError(f"{flag}: {error}") from None
