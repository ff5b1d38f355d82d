import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Who am I? With the files that this makes:
 *
 *   connector-agent export --pkcs12 identity.p12 --truststore trust.p12 --password-file password
 *   java Call.java identity.p12 trust.p12 password "$DIRECTOR_URL"
 *
 * To take up a renewal, give the agent the export and your program's reload as two --reload commands.
 */
public class Call {
    public static void main(String[] arguments) throws Exception {
        char[] password = Files.readString(Path.of(arguments[2])).strip().toCharArray();

        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(load(arguments[0], password), password);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(load(arguments[1], password));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);

        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[3]))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"query\": \"{ viewer { id type } }\"}"))
                .build();
        HttpClient client = HttpClient.newBuilder().sslContext(context).build();
        System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }

    private static KeyStore load(String file, char[] password) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            store.load(in, password);
        }
        return store;
    }
}
