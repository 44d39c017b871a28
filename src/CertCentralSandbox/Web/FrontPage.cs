using CertCentralSandbox.Issuing;

namespace CertCentralSandbox.Web;

/// <summary>Says plainly what this is, to a browser and to curl.</summary>
internal static class FrontPage
{
    public static IResult Answer(SandboxAddress address) => Results.Content(
        $$"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>CertCentral Sandbox - not a real CA</title></head><body>
        <h1>CertCentral Sandbox</h1>
        <p><strong>This is a stand-in for development and tests. It is not DigiCert and not affiliated with DigiCert.
        No browser trusts what it signs, and nothing it issues is worth anything.</strong></p>
        <p>It answers as the CertCentral Services API v2 does, really fetches validation files over HTTP, and really
        signs X.509 certificates, under a root named "{{Authority.RootName}}".</p>
        <p>What follows below <code>/sandbox</code> the real CA does not have.</p>
        <ul>
        <li>API: <code>{{address.Origin}}/services/v2</code> (header <code>X-DC-DEVKEY</code>)</li>
        <li><a href="/sandbox/root.pem">/sandbox/root.pem</a>: the root, for test clients only</li>
        <li><a href="/sandbox/faults">/sandbox/faults</a>: everything that can be made to go wrong (GET, PUT, PATCH,
        DELETE)</li>
        <li><a href="/sandbox/stats">/sandbox/stats</a>: calls, orders, certificates</li>
        <li><a href="/sandbox/clock">/sandbox/clock</a>: the CA's inner clock (POST to advance):
        polling, random values and announced revocations follow it</li>
        <li><code>POST /sandbox/mass-revocation</code> <code>{"within":"24h","percent":50}</code> (or
        <code>serials</code>, <code>hostname_suffix</code>): the CA announces that certificates will be revoked, and
        revokes them then; <a href="/sandbox/notices">/sandbox/notices</a>: what it announced, in place of its
        e-mail</li>
        <li><code>POST /sandbox/orders/&lt;id&gt;/end</code>: the order's year ends now</li>
        </ul></body></html>

        """,
        "text/html; charset=utf-8");
}
