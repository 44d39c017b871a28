namespace EndToEnd.Tests.Harness;

/// <summary>A fleet with two replicas, as it is by default, for tests that only add names of their own and disturb
/// nobody: starting one costs more than most of what they do.</summary>
public sealed class SharedFleet : IAsyncLifetime
{
    internal TestFleet Fleet { get; private set; } = null!;

    public async ValueTask InitializeAsync() =>
        Fleet = await TestFleet.StartAsync(options => options with { Replicas = 2 });

    public ValueTask DisposeAsync() => Fleet.DisposeAsync();
}

/// <summary>A fleet that waits seconds where a real one waits minutes, for tests that leave it as they found
/// it.</summary>
public sealed class HurriedFleet : IAsyncLifetime
{
    internal TestFleet Fleet { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Fleet = await TestFleet.StartAsync(options => options with
    {
        ControlPlaneSettings = Hurried.ControlPlane,
        // So that a run is certainly under way when a signal comes.
        SandboxArguments = ["--issue-delay", "4s"],
    });

    public ValueTask DisposeAsync() => Fleet.DisposeAsync();
}

[CollectionDefinition(nameof(SharedFleet))]
public sealed class SharedFleetTests : ICollectionFixture<SharedFleet>;

[CollectionDefinition(nameof(HurriedFleet))]
public sealed class HurriedFleetTests : ICollectionFixture<HurriedFleet>;
