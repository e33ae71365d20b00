"""What is done about each fenced block of the documents, by page and beginning."""

OUTPUT = "what a program prints"
INSTALLS = "downloads packages or models"
CONTAINERS = "needs containers; test_examples.py holds its profiles and services against the files"
FRAGMENT = "part of a page"
OTHERS = "configuration of another system"

_EXAMPLES = "tests/integration/examples"
_QUICK = f"{_EXAMPLES}/test_quickstart.py"
_TROUBLE = f"{_EXAMPLES}/test_troubleshooting.py"
_README = f"{_EXAMPLES}/test_readme.py"
_DOCUMENTS = f"{_EXAMPLES}/test_documents.py"
_TLS = "tests/integration/gateway/test_tls.py"
_ACCESS = "tests/integration/gateway/access/test_doors.py"
_TEMPORARY = "tests/integration/gateway/access/test_temporary_tokens.py"
_COMMAND = "tests/integration/callscribe/test_documented.py"
_PROVE = "tests/integration/callscribe/test_prove.py"
_WEB = "tests/web/test_documents.py"
_HERE = "tests/unit/docs/test_examples.py"
_REDIS = "tests/integration/common/redis/test_documented.py"
_BUNDLED = "tests/integration/deploy/test_bundled_redis.py"
_STEPS = "tests/hosts/test_hosts.py::test_twelve_steps_lead_to_a_call"
_TELEPHONES = "tests/integration/gateway/test_vosk.py"

RUN: dict[str, dict[str, str]] = {
    "clients/js/README.md": {
        "import { spawn }": f"{_WEB}::test_the_program_with_a_recorder_of_the_system_runs",
        "import { follow }": f"{_WEB}::test_the_program_that_follows_a_call_runs",
    },
    "README.md": {
        "make demo": f"{_README}::test_the_two_commands_are_targets_of_make",
        "make up": f"{_README}::test_the_command_line_is_used_as_it_says",
        "curl": f"{_README}::test_curl_sends_a_recording_and_reads_a_call",
        "from callscribe import sync": f"{_README}::test_the_program_with_the_client_runs",
        "import asyncio": f"{_README}::test_the_program_without_a_client_runs",
        ".venv/bin/callscribe gateway": f"{_README}::test_the_commands_about_settings_run",
    },
    "docs/access.md": {
        "callscribe keys": f"{_ACCESS}::test_the_printed_commands_run",
        "curl -X POST": f"{_ACCESS}::test_the_printed_commands_run",
    },
    "docs/calls.md": {
        "curl -N": f"{_DOCUMENTS}::test_the_events_of_a_call_look_as_shown",
        "callscribe trace": f"{_DOCUMENTS}::test_the_trace_of_a_call_looks_as_shown",
        '{"session_ids"': f"{_DOCUMENTS}::test_the_trace_of_a_call_looks_as_shown",
    },
    "docs/cli.md": {
        "callscribe demo": "tests/integration/callscribe/commands/test_demo.py"
        "::test_it_shows_a_call_and_leaves_nothing",
        "callscribe up": "tests/integration/callscribe/local/test_up.py"
        "::test_up_says_where_it_is_and_a_signal_ends_it_well",
        "callscribe certificate": f"{_COMMAND}::test_what_needs_no_server",
        "callscribe transcribe": f"{_COMMAND}::test_transcribe",
        "callscribe listen": f"{_COMMAND}::test_listen",
        "callscribe watch": f"{_COMMAND}::test_watch",
        "callscribe trace": f"{_COMMAND}::test_trace",
        "callscribe turns": f"{_COMMAND}::test_turns",
        "callscribe loadtest": "tests/integration/callscribe/test_loadtest.py"
        "::test_real_calls_are_recognised",
        "callscribe prove": f"{_PROVE}::test_a_figure_is_found_proved_and_applied",
        "callscribe keys": f"{_ACCESS}::test_the_printed_commands_run",
        "callscribe dead-letters": f"{_COMMAND}::test_dead_letters",
        "callscribe sinks": f"{_COMMAND}::test_sinks",
        "callscribe redis-acl": f"{_COMMAND}::test_what_needs_no_server",
        "callscribe hosts": "tests/unit/callscribe/commands/test_hosts.py"
        "::test_the_printed_command_runs",
        "callscribe check-config": f"{_COMMAND}::test_what_needs_no_server",
    },
    "docs/compose.md": {
        "CALLSCRIBE_NO_AUTH=false": "tests/unit/deploy/test_secrets.py"
        "::test_the_files_of_the_page_reach_the_gateway",
        "chmod 700 deploy/secrets\ndocker": "tests/integration/deploy/test_users.py"
        "::test_each_service_is_a_user_of_its_own",
        "COMPOSE_PROFILES=sentinel": f"{_HERE}::test_the_urls_of_redis_name_services",
        "COMPOSE_PROFILES=cluster": f"{_HERE}::test_the_urls_of_redis_name_services",
    },
    "docs/hosts.md": {
        "python3 -m venv build/operator": _STEPS,
        "build/operator/bin/pip wheel --wheel-dir build/wheels '": _STEPS,
        "build/operator/bin/pip wheel --wheel-dir build/wheels --no-deps": _STEPS,
        "[hosts.one]": _STEPS,
        "build/operator/bin/callscribe hosts render": _STEPS,
        "for host in one two three; do\n  tar --create --directory build/hosts": _STEPS,
        "for host in one two three; do\n  ssh root@$host 'apt-get": _STEPS,
        "for host in one two three; do\n  tar --create --directory build/wheels": _STEPS,
        "for host in one two three; do\n  ssh root@$host 'systemctl": _STEPS,
        "(umask 077": _STEPS,
        "until curl": _STEPS,
        "build/operator/bin/callscribe transcribe": _STEPS,
    },
    "docs/kubernetes.md": {
        "helm install": "tests/unit/deploy/test_helm.py::test_the_printed_command_installs",
        "autoscaling:": "tests/unit/deploy/test_helm_scaling.py"
        "::test_keda_shows_prometheus_what_it_asks_for",
        "redis:": f"{_BUNDLED}::test_with_users_each_service_may_do_what_is_its_own",
        "callscribe redis-acl": f"{_BUNDLED}::test_with_users_each_service_may_do_what_is_its_own",
        "gateway:\n  settings:": "tests/unit/deploy/test_helm_network.py"
        "::test_gateways_alone_send_spans_to_the_collector",
        "gateway:\n  webhookSecret": "tests/unit/deploy/test_helm_network.py"
        "::test_the_page_shows_a_receiver_in_the_cluster",
        "sinks:\n  secret": "tests/unit/deploy/test_helm_network.py"
        "::test_gateways_alone_reach_where_sinks_are",
        "printf": f"{_BUNDLED}::test_an_operator_makes_a_key",
    },
    "docs/numbers.md": {
        "→ {": f"{_HERE}::test_a_printed_conversation_is_one_that_the_codec_has",
    },
    "docs/prove.md": {
        "callscribe prove": f"{_PROVE}::test_a_figure_is_found_proved_and_applied",
        "CALLSCRIBE_ASR_LEGS=": f"{_PROVE}::test_a_figure_is_found_proved_and_applied",
    },
    "docs/protocol.md": {
        "→ {": f"{_HERE}::test_a_printed_conversation_is_one_that_the_codec_has",
        "→ connect": f"{_HERE}::test_a_printed_conversation_is_one_that_the_codec_has",
        "← {": f"{_HERE}::test_a_printed_conversation_is_one_that_the_codec_has",
    },
    "docs/protocols/asterisk.md": {
        "[callscribe]": f"{_HERE}::test_the_channel_of_asterisk_is_that_of_the_example",
        "import socket": f"{_TELEPHONES}::test_the_example_for_asterisk_runs",
    },
    "docs/protocols/assemblyai.md": {
        "curl": f"{_TEMPORARY}::test_the_printed_command_runs",
        "import sys": "tests/clients/test_assemblyai.py::test_the_example_of_the_document_runs",
    },
    "docs/protocols/deepgram.md": {
        "const recorder": "tests/web/test_recorder.py::test_the_printed_lines_bring_words",
        "import asyncio": "tests/clients/test_deepgram.py::test_the_example_of_the_documents_runs",
    },
    "docs/protocols/files.md": {
        "from openai": "tests/clients/test_files.py::test_the_example_of_the_document_works",
        "from deepgram": "tests/clients/test_files.py::test_the_example_of_the_document_works",
        "curl": "tests/integration/gateway/test_files.py::test_the_examples_of_the_document_work",
    },
    "docs/protocols/flux.md": {
        "import asyncio": "tests/clients/test_flux.py::test_the_example_of_the_document_runs",
    },
    "docs/protocols/freeswitch.md": {
        "uuid_audio_fork": f"{_HERE}::test_what_freeswitch_is_told_opens_a_call",
        "import asyncio": f"{_TELEPHONES}::test_the_example_for_freeswitch_runs",
    },
    "docs/protocols/native.md": {
        "import asyncio": f"{_DOCUMENTS}::test_the_example_of_the_native_protocol_runs",
    },
    "docs/protocols/openai.md": {
        "import asyncio": "tests/clients/test_openai.py"
        "::test_the_example_of_the_page_prints_the_transcript",
    },
    "docs/protocols/transcribe.md": {
        "import asyncio": f"{_DOCUMENTS}::test_the_example_for_clients_of_rnnt_servers_runs",
    },
    "docs/protocols/twilio.md": {
        "<Response>": f"{_HERE}::test_the_stream_that_twilio_is_told_of_opens_a_call",
    },
    "docs/protocols/vosk.md": {
        "import asyncio": f"{_TELEPHONES}::test_the_example_for_vosk_runs",
    },
    "docs/protocols/whisper_streaming.md": {
        "import socket": f"{_DOCUMENTS}::test_the_example_for_clients_of_whisper_streaming_runs",
    },
    "docs/qwen.md": {
        "CALLSCRIBE_ASR_VLLM_OPTIONS": "tests/unit/docs/test_qwen.py"
        "::test_the_examples_are_accepted",
    },
    "docs/quickstart.md": {
        "make up": f"{_QUICK}::test_the_command_that_starts_a_server_is_the_one_of_the_other_tests",
        "import sys": f"{_QUICK}::test_the_program_prints_what_both_speakers_say",
        ".venv/bin/python words.py": f"{_QUICK}::test_the_program_prints_what_both_speakers_say",
        "import { readFile }": f"{_WEB}"
        "::test_the_program_of_the_quick_start_prints_what_both_speakers_say",
        "node words.mjs": f"{_WEB}"
        "::test_the_program_of_the_quick_start_prints_what_both_speakers_say",
        "curl -F": f"{_QUICK}::test_curl_sends_a_recording",
        ".venv/bin/callscribe transcribe callscribe/sample/sample_call.wav\n": f"{_QUICK}"
        "::test_the_command_line_sends_a_recording",
        "nc -N": f"{_QUICK}::test_nc_sends_raw_audio",
        "curl http": f"{_QUICK}::test_curl_reads_a_call",
        "(umask 077": f"{_QUICK}::test_other_machines_call_with_a_key",
        ".venv/bin/callscribe transcribe callscribe/sample/sample_call.wav \\": f"{_QUICK}"
        "::test_other_machines_call_with_a_key",
    },
    "docs/redis.md": {
        "callscribe redis-acl": f"{_REDIS}::test_services_find_their_passwords",
        "aclfile": f"{_REDIS}::test_services_find_their_passwords",
        "CALLSCRIBE_REDIS_URL=redis:": f"{_REDIS}::test_services_find_their_passwords",
        "port 0": f"{_REDIS}::test_redis_serves_tls",
        "CALLSCRIBE_REDIS_URL=rediss": f"{_REDIS}::test_redis_serves_tls",
    },
    "docs/tls.md": {
        "callscribe up": f"{_TLS}::test_the_local_stack_shows_it",
        "openssl x509": f"{_TLS}::test_the_fingerprint_is_that_of_openssl",
        "curl --cacert": f"{_TLS}::test_other_programs_can_trust_it",
        "import asyncio": f"{_TLS}::test_the_python_program_of_the_page_runs",
        "NODE_EXTRA_CA_CERTS": f"{_TLS}::test_other_programs_can_trust_it",
        "mkdir": f"{_TLS}::test_chromium_accepts_it_once_it_was_imported",
    },
    "docs/troubleshooting.md": {
        "curl http://localhost:8000/ready": f"{_TROUBLE}"
        "::test_a_server_that_works_is_ready_and_transcribes_the_sample_call",
        ".venv/bin/callscribe transcribe": f"{_TROUBLE}::test_a_command_shows_what_it_is_for",
        "curl http://localhost:8000/ws/status": f"{_TROUBLE}::test_a_command_shows_what_it_is_for",
        ".venv/bin/python": f"{_TROUBLE}::test_a_command_shows_what_it_is_for",
        "curl http://localhost:8000/v1/sessions/$ID": f"{_TROUBLE}"
        "::test_a_command_shows_what_it_is_for",
        "curl --include": f"{_TROUBLE}::test_a_command_shows_what_it_is_for",
        "curl http://localhost:8000/v1/sessions\n": f"{_TROUBLE}"
        "::test_the_running_calls_are_listed",
        "openssl": f"{_TROUBLE}::test_openssl_shows_what_a_certificate_says",
    },
}
"""The test that runs a block, or that holds it against the code."""

NOT_RUN: dict[str, dict[str, str]] = {
    "docs/upgrade.md": {
        "redis-cli": "removes what another release left",
        "callscribe vad": f"{OUTPUT}; test_releases.py reads it",
        "no live worker": f"{OUTPUT}; test_releases.py reads it",
    },
    "docs/numbers.md": {
        "PYTHONPATH=": "needs the function below it; test_redactor.py loads one by its name",
        "import spacy": "needs spaCy and a model of it, which are the operator's",
    },
    "docs/recognisers.md": {"python -c": "downloads from the model hub"},
    "README.md": {
        "[   0.60": OUTPUT,
        "            ┌": "a picture",
        'echo "REDIS_PASSWORD': CONTAINERS,
    },
    "clients/js/README.md": {
        "npm": f"{INSTALLS}; test_package.py packs it",
        "import { connect, microphone }": f"{FRAGMENT}; test_examples.py runs browser.html",
        "import { microphone }": f"{FRAGMENT}; test_examples.py runs examples/react",
    },
    "docs/calls.md": {"id: 0": OUTPUT, "docker run": "needs containers"},
    "docs/gpu.md": {"docker compose": CONTAINERS},
    "examples/README.md": {
        "npm": f"{INSTALLS}; tests/web does the same before its tests",
        "python3 -m http.server": "runs until it is ended; test_examples.py serves the same folder",
    },
    "docs/compose.md": {
        'echo "REDIS_PASSWORD': CONTAINERS,
        'echo "GRAFANA_PASSWORD': CONTAINERS,
        "docker compose": CONTAINERS,
        "KEY=$(docker compose": f"{CONTAINERS}; test_monitoring.py starts them with keys",
        "chmod 700 deploy/secrets\necho": f"{CONTAINERS}; test_secrets.py reads such files",
    },
    "docs/recordings.md": {
        "callscribe gateway": "its bucket is an example's; test_recordings.py starts one",
    },
    "docs/sinks.md": {
        "callscribe gateway": "its paths are an example's; test_sinks.py starts one with a sink",
        '{"id": "7c9e': f"{OUTPUT}; test_files.py reads such lines",
        "crm=": "its servers are an example's; test_policies.py reads such a file",
        "SELECT": "needs a database; test_postgres.py reads its tables",
        "GET /v1/sessions": f"{OUTPUT}; test_erasures.py reads such a report",
        "callscribe sinks": "needs calls; test_backlog.py runs all three on some",
        "--sinks": "a flag of the command above; test_rules.py reads such ones",
    },
    "docs/threat-model.md": {"flowchart": "a picture"},
    "docs/loadtest.md": {
        "pip install": f"{INSTALLS}; test_loadtest.py runs the command",
    },
    "docs/kubernetes.md": {
        "docker build": CONTAINERS,
        "kubectl": "needs a cluster",
        "echo 'crm=": "needs a cluster; test_helm_secrets.py reads such a Secret",
    },
    "docs/operations.md": {
        "callscribe dead-letters": "needs dead letters; test_letters.py runs both commands on some",
        "callscribe: vad": OUTPUT,
    },
    "docs/performance.md": {
        "1900 samples": "what a benchmark recorded; test_figures.py holds it",
        "1655 samples": "what a benchmark recorded; test_figures.py holds it",
        "1465 samples": "what a benchmark recorded; test_figures.py holds it",
    },
    "docs/protocols/asterisk.md": {
        "[transcribed]": f"{OTHERS}; test_asterisk.py reads the longer one of examples/asterisk",
    },
    "docs/protocols/files.md": {'{"text"': OUTPUT},
    "docs/redis.md": {"cryptsetup": "formats a disk"},
    "docs/tls.md": {"docker compose": f"{CONTAINERS}; test_nginx.py runs nginx so"},
    "docs/quickstart.md": {"npm": f"{INSTALLS}; tests/web does the same before its tests"},
    "docs/systemd.md": {
        "python3 -m venv": f"{INSTALLS}; test_systemd.py runs what the units start",
    },
    "docs/qwen.md": {
        "docker compose": CONTAINERS,
        "pip install": INSTALLS,
        "HF_HUB_OFFLINE": "needs a GPU and the model",
        "services:": "needs containers",
        "CALLSCRIBE_ASR_MODEL": "needs the model",
    },
}
"""Why nothing runs a block."""
