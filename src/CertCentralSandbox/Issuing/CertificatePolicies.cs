using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace CertCentralSandbox.Issuing;

/// <summary>The certificatePolicies extension (RFC 5280 4.2.1.4), which .NET cannot build.</summary>
internal static class CertificatePolicies
{
    /// <summary>2.23.140.1.2.1 (domain validated); the CPS pointer, the only qualifier the Baseline Requirements allow,
    /// leads to the page that says this is a sandbox.</summary>
    public static X509Extension DomainValidated(string? statementUri)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier("2.23.140.1.2.1");
            if (statementUri is not null)
            {
                using (writer.PushSequence())
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier("1.3.6.1.5.5.7.2.1");
                    writer.WriteCharacterString(UniversalTagNumber.IA5String, statementUri);
                }
            }
        }

        return new X509Extension("2.5.29.32", writer.Encode(), critical: false);
    }
}
