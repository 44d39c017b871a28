namespace ControlPlane.Domains;

/// <summary>Where an order stands. <see cref="IssuancePath"/> says which step moves it and where it may go.</summary>
internal enum OrderState
{
    /// <summary>The name does not lead to the fleet yet; the customer's turn.</summary>
    PendingDns,

    /// <summary>Key, CSR and the order at the CA are being made; our turn.</summary>
    PendingOrder,

    /// <summary>The token is published and proven; the CA looks at it.</summary>
    PendingValidation,

    /// <summary>The CA issues; then the chain is collected and verified.</summary>
    PendingIssuance,

    /// <summary>The bundle is published; the nodes prove it.</summary>
    PendingDeployment,

    /// <summary>Every serving node proved it by handshake.</summary>
    Active,

    /// <summary>The domain was deleted; order, token, bundle and key are being withdrawn.</summary>
    Canceling,

    /// <summary>Terminal: it cannot go on by itself; the reason says who must do what.</summary>
    Failed,

    /// <summary>Terminal: a later order of the domain became active.</summary>
    Superseded,

    /// <summary>Terminal: withdrawn everywhere.</summary>
    Canceled,
}

/// <summary>Why an order exists.</summary>
internal enum OrderKind
{
    /// <summary>The first certificate of a domain.</summary>
    New,

    /// <summary>A further certificate under a CA order that still covers time; free.</summary>
    Reissue,

    /// <summary>A new CA order in succession of an ending one.</summary>
    Renewal,

    /// <summary>The first certificate of a domain, taken over from the nodes that serve it already: it waits for that
    /// and buys nothing.</summary>
    Adoption,
}

/// <summary>The kind of private key.</summary>
internal enum KeyAlgorithm
{
    /// <summary>ECDSA on P-256: the default, small and made in well under a millisecond.</summary>
    EcdsaP256,

    /// <summary>RSA with 2048 bits, on request, for clients that know nothing newer; costs a sixth of a second of
    /// CPU.</summary>
    Rsa2048,
}
