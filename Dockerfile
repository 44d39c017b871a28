# One image that runs the whole local fleet, for a machine that has Docker and nothing else: `docker compose up`.
# BASE must bring the .NET 10 SDK and apt-get; the default does.
ARG BASE=mcr.microsoft.com/dotnet/sdk:10.0
FROM ${BASE} AS build
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
WORKDIR /source
COPY . .
# Sibling folders: a program is found beside LocalFleet's own.
RUN for project in ControlPlane SyncAgent CertCentralSandbox LocalFleet; do \
      dotnet publish src/$project -c Release -o /app/$project --nologo -v quiet || exit 1; \
    done

FROM ${BASE}
COPY src/LocalFleet/install-tools.sh /tmp/install-tools.sh
RUN sh /tmp/install-tools.sh && rm -rf /var/lib/apt/lists/* /tmp/install-tools.sh
COPY --from=build /app /app
WORKDIR /fleet
# Every address, because the ports are published from outside; compose publishes them on the host's loopback only.
ENTRYPOINT ["dotnet", "/app/LocalFleet/LocalFleet.dll", "--bind", "0.0.0.0"]
CMD []
