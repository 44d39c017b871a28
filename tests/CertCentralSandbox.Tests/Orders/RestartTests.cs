using System.Diagnostics;
using System.Net;
using CertCentralSandbox.Tests.Harness;

namespace CertCentralSandbox.Tests.Orders;

public sealed class RestartTests
{
    [Fact]
    public async Task Orders_the_authority_and_open_validations_survive_a_restart()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (issued, certificateId) = await sandbox.IssueAsync("one.customer.test");
        var (pending, _, token) = await sandbox.OrderAsync("two.customer.test");
        var root = (await sandbox.GetAsync("/sandbox/root.pem")).Text;
        var leaf = (await sandbox.DownloadAsync(certificateId))[0].Thumbprint;

        await sandbox.RestartAsync();

        Assert.Equal("issued", await sandbox.StatusOfAsync(issued));
        Assert.Equal(leaf, (await sandbox.DownloadAsync(certificateId))[0].Thumbprint);
        Assert.Equal(root, (await sandbox.GetAsync("/sandbox/root.pem")).Text);
        var again = await sandbox.PutAsync($"order/certificate/{pending}/dcv-random-value");
        Assert.Equal(token, again.String("dcv_random_value"));
        sandbox.Prove(token, "two.customer.test");
        await sandbox.PutAsync($"order/certificate/{pending}/check-dcv");
        Assert.Equal("issued", await sandbox.StatusOfAsync(pending));
        Assert.True((await sandbox.OrderAsync("three.customer.test")).Id > pending);
    }

    [Fact]
    public async Task A_torn_last_line_is_cut_off_and_the_rest_is_kept()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _, _) = await sandbox.OrderAsync("torn.customer.test");
        await File.AppendAllTextAsync(
            Path.Combine(sandbox.Options.StateDirectory, "journal.jsonl"), "{\"Key\":\"order/9\",\"Val");

        await sandbox.RestartAsync();
        await sandbox.OrderAsync("after.customer.test");
        await sandbox.RestartAsync();

        Assert.Equal("pending", await sandbox.StatusOfAsync(id));
        Assert.Equal(2, (await sandbox.StatsAsync()).GetProperty("orders").GetProperty("total").GetInt32());
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task The_authority_file_is_for_its_owner_alone()
    {
        await using var sandbox = await Sandbox.StartAsync();

        var mode = File.GetUnixFileMode(Path.Combine(sandbox.Options.StateDirectory, "authority.pem"));

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, mode);
    }

    [Fact]
    public async Task A_second_program_over_the_same_state_is_refused_and_harms_nothing()
    {
        await using var sandbox = await Sandbox.StartAsync();

        await Assert.ThrowsAsync<IOException>(() =>
            SandboxHost.StartAsync(sandbox.Options, TimeProvider.System, CancellationToken.None));

        var (id, _, _) = await sandbox.OrderAsync("kept.customer.test");
        await sandbox.RestartAsync();
        Assert.Equal("pending", await sandbox.StatusOfAsync(id));
    }

    [Fact]
    public async Task An_order_that_was_answered_survives_SIGKILL_of_the_program()
    {
        var state = Directory.CreateTempSubdirectory("sandbox-ca-").FullName;
        try
        {
            using var first = Start(state, out var client);
            await Sandbox.UntilAsync(() => AnswersAsync(client));
            using var body = JsonContent(Buying.Ask("killed.customer.test"));
            using var placed = await client.PostAsync("/services/v2/order/certificate/ssl_dv_geotrust", body);
            Assert.Equal(HttpStatusCode.Created, placed.StatusCode);
            first.Kill(); // SIGKILL
            await first.WaitForExitAsync();

            using var second = Start(state, out var next);
            await Sandbox.UntilAsync(() => AnswersAsync(next));
            using var found = await next.GetAsync("/services/v2/order/alternate/alt-killed.customer.test");
            second.Kill();
            await second.WaitForExitAsync();

            Assert.Equal(HttpStatusCode.OK, found.StatusCode);
            Assert.True(File.Exists(Path.Combine(state, "root.pem")));
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static System.Net.Http.Json.JsonContent JsonContent(object body) =>
        System.Net.Http.Json.JsonContent.Create(body);

    private static Process Start(string state, out HttpClient client)
    {
        var port = FreePort.Next();
        client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        client.DefaultRequestHeaders.Add("X-DC-DEVKEY", Sandbox.ApiKey);
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in (string[])[
            typeof(SandboxHost).Assembly.Location, "--listen", $"127.0.0.1:{port}", "--state", state,
            "--api-key", Sandbox.ApiKey, "--issue-delay", "1500ms", "--rate-limit", "off",
            "--root-out", Path.Combine(state, "root.pem")])
        {
            start.ArgumentList.Add(argument);
        }

        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        return process;
    }

    private static async Task<bool> AnswersAsync(HttpClient client)
    {
        try
        {
            return (await client.GetAsync("/")).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // not listening yet
        }
    }
}
