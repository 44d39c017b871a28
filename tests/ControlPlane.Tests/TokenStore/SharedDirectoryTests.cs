using ControlPlane.TokenStore;

namespace ControlPlane.Tests.TokenStore;

public sealed class SharedDirectoryTests : IDisposable
{
    private const string Host = "shop.example.com";
    private static readonly DateTimeOffset Ends = new FakeClock().GetUtcNow();
    private readonly string _root = Directory.CreateTempSubdirectory("cp-tokens-").FullName;

    private SharedDirectory Store => new(_root);

    [Fact]
    public async Task A_token_is_a_file_that_every_agent_can_read()
    {
        await Store.PublishAsync(Host, 7, "old", Ends, default);
        await Store.PublishAsync(Host, 7, "value", Ends, default);

        var file = Path.Combine(_root, Host, "7");
        Assert.Equal(["value", "expires=2026-06-01T12:00:00Z"], await File.ReadAllLinesAsync(file));
        Assert.True(File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead));
        Assert.Equal([file], Directory.GetFiles(Path.Combine(_root, Host)));
    }

    [Fact]
    public async Task Withdrawal_removes_its_own_token_only_and_twice_is_no_error()
    {
        await Store.PublishAsync(Host, 7, "seven", Ends, default);
        await Store.PublishAsync(Host, 8, "eight", Ends, default);

        await Store.WithdrawAsync(Host, 7, default);
        await Store.WithdrawAsync(Host, 7, default);
        Assert.Equal([(Host, 8L)], await Store.ListAsync(default));

        await Store.WithdrawAsync(Host, 8, default);
        Assert.Empty(Directory.GetFileSystemEntries(_root));
        await Store.WithdrawAsync("never.example.com", 1, default);
    }

    [Fact]
    public async Task Orders_of_one_name_that_publish_and_withdraw_at_once_do_not_disturb_each_other()
    {
        await Parallel.ForEachAsync(Enumerable.Range(1, 2), async (sequence, ct) =>
        {
            for (var turn = 0; turn < 200; turn++)
            {
                await Store.PublishAsync(Host, sequence, $"{sequence}", Ends, ct);
                Assert.Equal($"{sequence}", File.ReadLines(Path.Combine(_root, Host, $"{sequence}")).First());
                await Store.WithdrawAsync(Host, sequence, ct);
            }
        });

        Assert.Empty(await Store.ListAsync(default));
    }

    [Fact]
    public async Task A_reader_sees_a_whole_token_or_none()
    {
        using var done = new CancellationTokenSource();
        var file = Path.Combine(_root, Host, "7");
        await Store.PublishAsync(Host, 7, new string('0', 64), Ends, default);
        var reader = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                var lines = await File.ReadAllLinesAsync(file);
                Assert.Equal((2, 64), (lines.Length, lines[0].Length));
            }
        });

        for (var n = 0; n < 100; n++)
        {
            await Store.PublishAsync(Host, 7, new string((char)('0' + (n % 10)), 64), Ends, default);
        }

        await done.CancelAsync();
        await reader;
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("/etc")]
    [InlineData("shop.example.com/../other")]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("shop.example.com\n")]
    public async Task A_name_that_was_not_validated_names_no_file(string hostname)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Store.PublishAsync(hostname, 7, "value", Ends, default));
        await Assert.ThrowsAsync<ArgumentException>(() => Store.WithdrawAsync(hostname, 7, default));
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public async Task A_store_that_is_not_there_is_told_by_its_own_fault()
    {
        var store = new SharedDirectory(Path.Combine(_root, "mount"));
        await File.WriteAllTextAsync(Path.Combine(_root, "mount"), "no directory");

        await Assert.ThrowsAsync<TokenStoreException>(() => store.PublishAsync(Host, 7, "value", Ends, default));
        await Assert.ThrowsAsync<TokenStoreException>(() => store.ListAsync(default));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
