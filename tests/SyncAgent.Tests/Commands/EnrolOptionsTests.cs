using System.CommandLine;
using SyncAgent.Commands;

namespace SyncAgent.Tests.Commands;

public sealed class EnrolOptionsTests
{
    [Theory]
    [InlineData("https://control.example.com", true)]
    [InlineData("http://127.0.0.1:5080", true)]
    [InlineData("http://[::1]:5080", true)]
    [InlineData("http://localhost:5080", true)]
    [InlineData("http://control.example.com", false)]
    [InlineData("http://10.0.0.7:5080", false)]
    [InlineData("ftp://127.0.0.1", false)]
    [InlineData("control.example.com", false)]
    public void A_join_code_travels_in_the_clear_on_loopback_only(string api, bool isTaken)
    {
        var command = new Command("enroll");
        new EnrolOptions(isRequired: false).AddTo(command);

        var errors = command.Parse(["--api", api, "--state", "/var/lib/sync-agent"]).Errors;

        Assert.Equal(isTaken, errors.Count == 0);
    }
}
