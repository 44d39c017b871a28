using Microsoft.Playwright;

namespace ControlPlane.Tests.SupportConsole;

/// <summary>A real, headless Chromium for a test class; without one on the machine its tests are skipped.</summary>
public sealed class Browser : IAsyncLifetime
{
    /// <summary>Debian's package chromium.</summary>
    private const string Program = "/usr/bin/chromium";

    private IPlaywright? _driver;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(Program))
        {
            return;
        }

        _driver = await Playwright.CreateAsync();
        _browser = await _driver.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Headless = true,
            // It calls nobody but the test's own server.
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
        });
    }

    /// <summary>A browser as if new: nothing is shared with another.</summary>
    internal async Task<IBrowserContext> OpenAsync(BrowserNewContextOptions options)
    {
        Assert.SkipWhen(_browser is null, $"{Program} is not there: apt-get install chromium.");
        return await _browser!.NewContextAsync(options);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _driver?.Dispose();
    }
}
