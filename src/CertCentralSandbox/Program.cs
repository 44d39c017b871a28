using CertCentralSandbox;

return await CommandLine.Create().Parse(args).InvokeAsync();
