using System.Text.RegularExpressions;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;

namespace ControlPlane.Tests.SupportConsole;

/// <summary>What only a browser can show: pages as they are seen, what goes on by itself, and what does not
/// run.</summary>
public sealed partial class BrowserTests(ApiFixture api, Browser browser)
    : IClassFixture<ApiFixture>, IClassFixture<Browser>
{
    /// <summary>Every text of the page whose contrast is below what WCAG 2.2 AA asks for, with its ratio.</summary>
    private const string FaintTexts =
        """
        () => {
            const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            const rgba = color => {
                canvas.clearRect(0, 0, 1, 1);
                canvas.fillStyle = color;
                canvas.fillRect(0, 0, 1, 1);
                return canvas.getImageData(0, 0, 1, 1).data;
            };
            const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
                .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
                .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
            const behind = element => {
                for (let one = element; one; one = one.parentElement) {
                    const color = rgba(getComputedStyle(one).backgroundColor);
                    if (color[3] > 250) { return color; }
                }
                return [255, 255, 255];
            };
            const faint = new Set();
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                const element = walker.currentNode.parentElement;
                if (!walker.currentNode.textContent.trim() || !element.checkVisibility()
                    || element.closest('svg, option, script')) { continue; }
                const style = getComputedStyle(element);
                const [a, b] = [light(rgba(style.color)), light(behind(element))].sort((x, y) => y - x);
                const ratio = (a + .05) / (b + .05);
                const large = parseFloat(style.fontSize) >= 24;
                if (ratio < (large ? 3 : 4.5)) {
                    faint.add(`${ratio.toFixed(2)} ${walker.currentNode.textContent.trim().slice(0, 40)}`);
                }
            }
            return [...faint];
        }
        """;

    private static readonly string Shots = Path.Combine(SourceTree.Here.Root, "artifacts", "screenshots");

    [Fact]
    public async Task Somebody_signs_in_searches_reads_why_and_sees_it_change_without_a_reload()
    {
        var id = await WaitingAsync("follow.example.com");
        await using var context = await browser.OpenAsync(Options());
        await context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        var page = await context.NewPageAsync();
        await page.GotoAsync("/console/domains");
        await SignInAsync(page, ApiRole.Support);

        await page.GetByPlaceholder("Find a domain").FillAsync("follow.");
        await page.GetByPlaceholder("Find a domain").PressAsync("Enter");
        await page.GetByRole(AriaRole.Link, new() { Name = "follow.example.com" }).ClickAsync();

        var answer = page.Locator("#answer");
        await Assertions.Expect(answer).ToContainTextAsync(Reasons.DnsNotThere.Title);
        await page.GetByLabel("Copy the value").First.ClickAsync();
        Assert.Equal("edge.controlplane.example", await page.EvaluateAsync<string>("navigator.clipboard.readText()"));

        await page.EvaluateAsync("window.sameWindow = 1");
        await using (var db = api.Open())
        {
            var order = await db.Orders.SingleAsync(row => row.DomainId == id);
            order.WaitFor(Reasons.CaNotReachable, "It answers with 503.", api.Clock.NowStored());
            await db.SaveChangesAsync();
        }

        await Assertions.Expect(answer).ToContainTextAsync("It answers with 503.", new() { Timeout = 30_000 });
        Assert.Equal(1, await page.EvaluateAsync<int>("window.sameWindow"));

        // When the session ends, what is shown stays, and says so.
        await context.ClearCookiesAsync();
        await Assertions.Expect(page.GetByText("Signed out. Reload to sign in.")).ToBeVisibleAsync(
            new() { Timeout = 30_000 });
        await Assertions.Expect(answer).ToContainTextAsync("It answers with 503.");
    }

    [Fact]
    public async Task Without_JavaScript_everything_can_be_read_and_the_check_asked_for()
    {
        var id = await WaitingAsync("plain.example.com");
        await using var context = await browser.OpenAsync(Options(script: false));
        var page = await context.NewPageAsync();
        await page.GotoAsync($"/console/domains/{id}");
        await SignInAsync(page, ApiRole.Support);

        await Assertions.Expect(page.Locator("#answer")).ToContainTextAsync(Reasons.DnsNotThere.Title);
        await Assertions.Expect(page.Locator("#records")).ToContainTextAsync("edge.controlplane.example");
        await page.GetByRole(AriaRole.Button, new() { Name = "Check now" }).ClickAsync();
        await Assertions.Expect(page.GetByText("asked to look now")).ToBeVisibleAsync();
        Assert.Contains(OrderState.PendingDns, api.Wakes);

        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Every_page_fits_a_phone_can_be_read_in_both_lights_and_runs_nothing_of_a_strangers()
    {
        var id = await ConsoleScene.MakeAsync(api, "shop.wool-and-linen.example.com");
        var active = await ActiveAsync();
        Directory.CreateDirectory(Shots);
        (string, ColorScheme, int, int)[] looks =
        [
            ("light", ColorScheme.Light, 1280, 900), ("phone-dark", ColorScheme.Dark, 360, 740),
            ("dark", ColorScheme.Dark, 1280, 900), ("phone", ColorScheme.Light, 360, 740),
        ];
        // Both lights and both widths are in the first two; a person who looks at the pictures wants all four.
        foreach (var (look, scheme, width, height) in looks.Take(AllShots ? 4 : 2))
        {
            await using var context = await browser.OpenAsync(Options(scheme, width, height));
            var page = await context.NewPageAsync();
            var complaints = new List<string>();
            page.Console += (_, said) =>
            {
                // One of the pages is not there, and hints (verbose) are no complaints.
                if (said.Type is "error" or "warning" && !said.Text.Contains("404", StringComparison.Ordinal))
                {
                    complaints.Add(said.Text);
                }
            };
            page.PageError += (_, error) => complaints.Add(error);
            await page.GotoAsync("/console/sign-in");
            await ShootAsync(page, "sign-in", look);
            await SignInAsync(page, ApiRole.Admin);
            foreach (var (name, path) in Pages(id, active))
            {
                await page.GotoAsync(path);
                await ShootAsync(page, name, look);
                var (wide, faint) = (
                    await page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth"),
                    await page.EvaluateAsync<string[]>(FaintTexts));
                Assert.True(wide <= 0, $"{name} is {wide} pixels wider than its window ({look}).");
                Assert.True(faint.Length == 0, $"{name} ({look}): {string.Join("; ", faint)}");
                Assert.True(await page.EvaluateAsync<bool>("window.taken === undefined"), name);
            }

            // A policy that is broken, and a script that fails, are told on the browser's console.
            Assert.Empty(complaints);
        }
    }

    [Fact]
    public async Task A_page_of_another_site_cannot_frame_it_nor_send_its_forms_and_its_links_lead_in()
    {
        var id = await WaitingAsync("framed.example.com");
        var before = api.Wakes.Count;
        await using var context = await browser.OpenAsync(Options());
        var page = await context.NewPageAsync();
        await page.GotoAsync("/console");
        await SignInAsync(page, ApiRole.Support);
        // 127.0.0.1 and localhost are two sites.
        var ours = api.Anonymous.BaseAddress!.GetLeftPart(UriPartial.Authority);
        await page.RouteAsync("http://localhost/**", route => route.FulfillAsync(new()
        {
            ContentType = "text/html",
            Body = $"""
                <form method="post" action="{ours}/console/domains/{id}/check"><button>Win</button></form>
                <a href="{ours}/console/domains/{id}">ticket</a><iframe src="{ours}/console"></iframe>
                """,
        }));

        await page.GotoAsync("http://localhost/");
        Assert.DoesNotContain(
            page.Frames, frame => frame.Url.StartsWith(ours, StringComparison.Ordinal));
        await page.GetByRole(AriaRole.Button, new() { Name = "Win" }).ClickAsync();
        await page.WaitForURLAsync(InConsole());
        Assert.Equal(before, api.Wakes.Count);

        await page.GotoAsync("http://localhost/");
        await page.GetByRole(AriaRole.Link, new() { Name = "ticket" }).ClickAsync();
        await Assertions.Expect(page.Locator("#answer")).ToContainTextAsync(Reasons.DnsNotThere.Title);
    }

    private static IEnumerable<(string Name, string Path)> Pages(Guid waiting, Guid active) =>
    [
        ("overview", "/console"), ("domains", "/console/domains?q=shop"),
        ("domain-waiting", $"/console/domains/{waiting}"), ("domain-active", $"/console/domains/{active}"),
        ("fleets", "/console/fleets"), ("fleet", "/console/fleets/fleet-1"), ("expiry", "/console/expiry"),
        ("time-to-active", "/console/time-to-active?hours=720"), ("webhooks", "/console/webhooks"),
        ("audit", "/console/audit"), ("nowhere", "/console/nowhere"),
    ];

    /// <summary>Set to look at every page in both lights and both widths.</summary>
    private static bool AllShots => Environment.GetEnvironmentVariable("CONSOLE_SCREENSHOTS") == "all";

    private static async Task ShootAsync(IPage page, string name, string look) => await page.ScreenshotAsync(new()
    {
        Path = Path.Combine(Shots, $"{name}.{look}.png"),
        FullPage = true,
    });

    private BrowserNewContextOptions Options(
        ColorScheme scheme = ColorScheme.Light, int width = 1280, int height = 900, bool script = true) => new()
        {
            BaseURL = $"{api.Anonymous.BaseAddress}",
            ColorScheme = scheme,
            JavaScriptEnabled = script,
            ViewportSize = new() { Width = width, Height = height },
        };

    private async Task SignInAsync(IPage page, ApiRole role)
    {
        var (_, secret) = await api.AddKeyAsync(role, null);
        await page.GetByLabel("API key of support or admin").FillAsync(secret);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Sign out" })).ToBeVisibleAsync();
    }

    private async Task<Guid> ActiveAsync()
    {
        await using var db = api.Open();
        return await db.Domains.Where(row => row.Status == DomainStatus.Active).OrderBy(row => row.Hostname)
            .Select(row => row.Id).FirstAsync();
    }

    private async Task<Guid> WaitingAsync(string hostname)
    {
        var id = await api.RegisterAsync(hostname);
        await using var db = api.Open();
        var order = await db.Orders.SingleAsync(row => row.DomainId == id);
        order.WaitFor(Reasons.DnsNotThere, $"{hostname} does not resolve.", api.Clock.NowStored());
        order.NextAttemptAt = api.Clock.NowStored().AddMinutes(10);
        await db.SaveChangesAsync();
        return id;
    }

    [GeneratedRegex("/console")]
    private static partial Regex InConsole();
}
