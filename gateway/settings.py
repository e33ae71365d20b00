"""The settings of the gateway."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.defaults import default_of
from common.errors import SettingsError
from common.options import OPTIONS, SessionOptions
from common.settings import CommonSettings, setting
from gateway.admission.forwarded import TrustedProxies


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(CommonSettings):
    """Where the gateway listens, what it admits, and the defaults of a session."""

    host: str = setting("0.0.0.0", "address that the gateway listens on")
    port: int = setting(
        8000, "port that the gateway listens on; 0 takes a free one", minimum=0, maximum=65535
    )
    stream_port: int | None = setting(
        None,
        "TCP port for raw audio, as whisper_streaming's server has it, there 43007; 0 takes a free"
        " one, and without it there is none",
        minimum=0,
        maximum=65535,
    )
    stream_ws_port: int | None = setting(
        None,
        "the same for its WebSocket server, there 43008",
        minimum=0,
        maximum=65535,
    )
    ssl_certfile: Path | None = setting(None, "certificate chain for TLS, PEM")
    ssl_keyfile: Path | None = setting(None, "private key of --ssl-certfile, PEM")
    generate_self_signed_cert: bool = setting(
        False, "serve TLS with a certificate made for the occasion; browsers will warn"
    )

    max_sessions: int = setting(500, "sessions that this gateway admits at a time", minimum=1)
    max_sessions_per_key: int = setting(
        0,
        "calls at a time of one API key, bearer token or else address, all gateways; 0: no limit",
        minimum=0,
    )
    max_absent_per_key: int = setting(
        100,
        "calls of one key that may wait for their clients; beyond it the oldest one ends",
        minimum=0,
    )
    trusted_proxies: str | None = setting(
        None,
        "addresses and networks, with commas, of proxies whose X-Forwarded-For or Forwarded"
        " tells a client's address",
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
        30.0, "time that a connection has to open its call", unit="s", minimum=0.1
    )
    max_message_bytes: int = setting(
        1 << 20, "largest message accepted from a client", unit="bytes", minimum=1024
    )
    flush_ms: int = setting(
        5,
        "interval in which all sessions' audio is written to Redis in one go",
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
    denoise_unavailable: Literal["refuse", "continue"] = setting(
        "refuse", "what becomes of a session that asks for denoising when no worker offers it"
    )

    vad_threshold: float = default_of("vad_threshold")
    silence_threshold: float = default_of("silence_threshold")
    min_speech_duration: float = default_of("min_speech_duration")
    max_utterance: float = default_of("max_utterance")
    chunk_size_sec: float = default_of("chunk_size_sec")
    unfixed_chunk_num: int = default_of("unfixed_chunk_num")
    unfixed_token_num: int = default_of("unfixed_token_num")
    enable_noise_suppression: bool = default_of("denoise")

    def __post_init__(self) -> None:
        """Refuse half a TLS identity, two of them, and values that contradict each other."""
        if self.session_defaults().contradiction:
            raise SettingsError(
                f"--min-speech-duration: {self.min_speech_duration:g} s is not less than "
                f"--max-utterance ({self.max_utterance:g} s)"
            )
        try:
            TrustedProxies.parse(self.trusted_proxies or "")
        except ValueError as error:
            raise SettingsError(f"--trusted-proxies: {error}") from None
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

    def session_defaults(self) -> SessionOptions:
        """Return the options of a session that asks for nothing."""
        settings = {each.name: each.setting for each in OPTIONS.values() if each.setting}
        # An option that is None here gets its value from another service's setting.
        ours = {name: own for name, own in settings.items() if hasattr(self, own)}
        return SessionOptions(**{name: getattr(self, own) for name, own in ours.items()})
