# Stand-ins for the images that docker-compose.yml names: Debian's programs with the users, folders
# and commands that those images have. `python` is the base of the product's own.

FROM callscribe-python-root AS python
RUN rm /usr/lib/python3*/EXTERNALLY-MANAGED && ln -s python3 /usr/bin/python
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY pip.conf /etc/pip.conf
COPY uv.toml /etc/uv/uv.toml
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt

FROM callscribe-servers-root AS servers
# Debian's nginx has streams as a module, and writes its log to a file.
RUN printf '#!/bin/sh\nexec /usr/sbin/nginx "$1" "$2" "$3" "load_module %s; $4"\n' \
        /usr/lib/nginx/modules/ngx_stream_module.so >/usr/local/bin/nginx \
    && chmod +x /usr/local/bin/nginx \
    && ln -sf /dev/stderr /var/log/nginx/error.log \
    && install -d -o valkey -g valkey /data \
    && install -d -o nobody -g nogroup /prometheus /alertmanager

FROM servers AS valkey
WORKDIR /data

FROM servers AS nginx

FROM servers AS haproxy
USER haproxy

FROM servers AS prometheus
USER nobody
ENTRYPOINT ["prometheus"]

FROM servers AS alertmanager
USER nobody
ENTRYPOINT ["prometheus-alertmanager"]

FROM servers AS redis-exporter
USER nobody
ENTRYPOINT ["prometheus-redis-exporter"]

FROM servers AS node-exporter
USER nobody
ENTRYPOINT ["prometheus-node-exporter"]
