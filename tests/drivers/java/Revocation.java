import java.io.FileInputStream;
import java.io.InputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/** Validates a chain by PKIX with revocation: ROOT CHAIN CRL... Prints "good" or the reason. */
public final class Revocation {
    public static void main(String[] arguments) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        Collection<Object> lists = new ArrayList<>();
        for (int place = 2; place < arguments.length; place++) {
            try (InputStream stream = new FileInputStream(arguments[place])) {
                lists.add(factory.generateCRL(stream));
            }
        }
        X509Certificate root;
        try (InputStream stream = new FileInputStream(arguments[0])) {
            root = (X509Certificate) factory.generateCertificate(stream);
        }
        List<X509Certificate> chain = new ArrayList<>();
        try (InputStream stream = new FileInputStream(arguments[1])) {
            factory.generateCertificates(stream).forEach(each -> chain.add((X509Certificate) each));
        }
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.setRevocationEnabled(true);
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
        try {
            CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(chain), parameters);
            System.out.println("good");
        } catch (CertPathValidatorException failure) {
            System.out.println(failure.getReason());
        }
    }
}
