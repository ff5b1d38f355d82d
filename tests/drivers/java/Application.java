import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/**
 * The life of an application in Java, in both flows, with java.net.http, JSSE and keytool alone. It works in the present
 * directory. Java offers HTTP/2, and a KeyManager presents a certificate only where the server names an issuer in its chain.
 */
public final class Application {
    private static final char[] PASSWORD = "change it".toCharArray();
    private static final String CONFIGURATION = "query { result: configuration { token { token } "
        + "certificateSigningRequestInfo { subject keyAlgorithm } "
        + "managementPlaneInfo { directorURL certificateSecuredConnectorURL } } }";
    private static final String SIGN = "mutation ($csr: String!) { result: signCertificateSigningRequest(csr: $csr) "
        + "{ certificateChain caCertificate clientCertificate } }";
    private static final String PUBLIC = System.getenv("PUBLIC");

    public static void main(String[] arguments) throws Exception {
        graphQL();
        legacy();
    }

    private static void graphQL() throws Exception {
        HttpClient anonymous = client(null, "TLSv1.3");
        String id = register("java-graphql");
        String token = field("token", administer("mutation { result: requestOneTimeTokenForApplication(id: \\\"" + id
            + "\\\") { token } }"));
        String connector = PUBLIC + "/connector/graphql";
        String told = ask(anonymous, connector, CONFIGURATION, null, "Connector-Token", token);
        String refusal = ask(anonymous, connector, CONFIGURATION, null, "Connector-Token", token);
        check(refusal.contains("\"errors\":[{\"message\":"), refusal);

        KeyStore first = keys("first", "RSA", field("subject", told));
        String signed = ask(anonymous, connector, SIGN, request("first"), "Connector-Token", field("token", told));
        X509Certificate leaf = install(first, field("certificateChain", signed));
        for (String version : new String[] {"TLSv1.2", "TLSv1.3"}) {
            String viewer = ask(client(first, version), field("directorURL", told), "{ viewer { id type } }", null);
            check(viewer.contains("\"" + id + "\"") && viewer.contains("\"APPLICATION\""), viewer);
        }
        say("a certificate for a CSR of keytool; TLS 1.2 and 1.3");

        String secured = field("certificateSecuredConnectorURL", told);
        HttpClient holder = client(first, "TLSv1.3");
        KeyStore second = keys("second", "EC", field("subject", ask(holder, secured, CONFIGURATION, null)));
        String renewed = ask(holder, secured, SIGN, request("second"));
        X509Certificate next = install(second, field("certificateChain", renewed));
        check(next.getSubjectX500Principal().equals(leaf.getSubjectX500Principal()), next.getSubjectX500Principal().toString());
        check(ask(holder, secured, "mutation { result: revokeCertificate }", null).equals("{\"data\":{\"result\":true}}"), "revocation");
        check(ask(holder, secured, CONFIGURATION, null).contains("\"errors\""), "a revoked certificate was taken");
        check(!ask(client(second, "TLSv1.3"), secured, CONFIGURATION, null).contains("\"errors\""), "the renewed one was not");
        say("renewed with an elliptic key, and the former certificate revoked");
    }

    private static void legacy() throws Exception {
        HttpClient anonymous = client(null, "TLSv1.3");
        String url = field("legacyConnectorURL", administer("mutation { result: requestOneTimeTokenForApplication(id: \\\""
            + register("Java Legacy") + "\\\") { legacyConnectorURL } }"));
        String info = rest(anonymous, "GET", url, null, 200);
        check(field("error", rest(anonymous, "GET", url, null, 403)).equals("invalid token or certificate"), "a spent token");
        KeyStore keys = keys("legacy", "RSA", field("subject", info));
        String issued = rest(anonymous, "POST", field("csrUrl", info), "{\"csr\": \"" + request("legacy") + "\"}", 201);
        install(keys, field("crt", issued));
        HttpClient holder = client(keys, "TLSv1.3");
        String managed = rest(holder, "GET", field("infoUrl", info), null, 200);
        check(field("application", managed).equals("mp-java-legacy"), managed);
        rest(holder, "POST", field("renewCertUrl", managed), "{\"csr\": \"" + request("legacy") + "\"}", 201);
        check(rest(holder, "POST", field("revokeCertUrl", managed), "", 201).isEmpty(), "a body after the revocation");
        rest(holder, "GET", field("infoUrl", info), null, 403);
        say("the legacy flow, with Expect: 100-continue");
    }

    private static HttpClient client(KeyStore identity, String version) throws Exception {
        KeyStore anchors = KeyStore.getInstance("PKCS12");
        anchors.load(null, null);
        try (FileInputStream root = new FileInputStream(System.getenv("ROOT"))) {
            anchors.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(root));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(anchors);
        KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        own.init(identity, PASSWORD);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
        SSLParameters parameters = new SSLParameters();
        parameters.setProtocols(new String[] {version});
        return HttpClient.newBuilder().sslContext(context).sslParameters(parameters).version(HttpClient.Version.HTTP_2)
            .connectTimeout(Duration.ofSeconds(30)).build();
    }

    /** A key pair, as keytool makes it, under a certificate of its own. */
    private static KeyStore keys(String name, String algorithm, String subject) throws Exception {
        keytool("-genkeypair", "-alias", name, "-keystore", name + ".p12", "-keyalg", algorithm, "-dname", subject);
        KeyStore made = KeyStore.getInstance("PKCS12");
        try (FileInputStream stream = new FileInputStream(name + ".p12")) {
            made.load(stream, PASSWORD);
        }
        return made;
    }

    /** Base64 of the CSR's PEM: its label is NEW CERTIFICATE REQUEST, and it asks for an extension. */
    private static String request(String name) throws Exception {
        keytool("-certreq", "-alias", name, "-keystore", name + ".p12", "-file", name + ".csr");
        return Base64.getEncoder().encodeToString(Files.readAllBytes(Path.of(name + ".csr")));
    }

    private static void keytool(String... arguments) throws Exception {
        String[] command = new String[arguments.length + 4];
        command[0] = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        System.arraycopy(arguments, 0, command, 1, arguments.length);
        command[arguments.length + 1] = "-storepass";
        command[arguments.length + 2] = new String(PASSWORD);
        command[arguments.length + 3] = "-J-XX:TieredStopAtLevel=1"; // it starts sooner
        check(new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0,
            "keytool " + arguments[0]);
    }

    /** Put the chain beside the key: the key store refuses a chain that does not begin with the key's certificate. */
    private static X509Certificate install(KeyStore keys, String encoded) throws Exception {
        byte[] pem = Base64.getDecoder().decode(encoded);
        Certificate[] chain = CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(pem))
            .toArray(new Certificate[0]);
        check(chain.length == 2, chain.length + " certificates");
        chain[0].verify(chain[1].getPublicKey());
        String alias = keys.aliases().nextElement();
        keys.setKeyEntry(alias, keys.getKey(alias, PASSWORD), PASSWORD, chain);
        return (X509Certificate) chain[0];
    }

    private static String register(String name) throws Exception {
        return field("id", administer("mutation { result: registerApplication(in: {name: \\\"" + name + "\\\"}) { id } }"));
    }

    private static String administer(String query) throws Exception {
        return ask(client(null, "TLSv1.3"), PUBLIC + "/director/graphql", query, null,
            "Authorization", "Bearer " + System.getenv("ADMIN_KEY"), "Tenant", System.getenv("TENANT"));
    }

    private static String ask(HttpClient client, String url, String query, String csr, String... headers) throws Exception {
        String variables = csr == null ? "null" : "{\"csr\": \"" + csr + "\"}";
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString("{\"query\": \"" + query + "\", \"variables\": " + variables + "}"));
        if (headers.length > 0) {
            request.headers(headers);
        }
        HttpResponse<String> got = client.send(request.build(), BodyHandlers.ofString());
        check(got.version() == HttpClient.Version.HTTP_1_1, got.version().toString());
        check(got.statusCode() == 200, got.statusCode() + ": " + got.body());
        return got.body();
    }

    private static String rest(HttpClient client, String method, String url, String body, int status) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).expectContinue(body != null)
            .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        HttpResponse<String> got = client.send(request.build(), BodyHandlers.ofString());
        check(got.statusCode() == status, method + " " + got.statusCode() + ": " + got.body());
        return got.body();
    }

    private static String field(String name, String json) {
        Matcher found = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
        check(found.find(), "no " + name + " in " + json);
        return found.group(1);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }

    private static void say(String line) {
        System.out.println(line);
    }
}
