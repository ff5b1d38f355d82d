import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Validates a chain by PKIX and asks an OCSP responder about its first certificate: ROOT CHAIN URL. */
public final class Status {
    public static void main(String[] arguments) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        X509Certificate root;
        try (InputStream stream = new FileInputStream(arguments[0])) {
            root = (X509Certificate) factory.generateCertificate(stream);
        }
        List<X509Certificate> chain = new ArrayList<>();
        try (InputStream stream = new FileInputStream(arguments[1])) {
            factory.generateCertificates(stream).forEach(each -> chain.add((X509Certificate) each));
        }
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        checker.setOcspResponder(new URI(arguments[2]));
        checker.setOptions(
                EnumSet.of(PKIXRevocationChecker.Option.ONLY_END_ENTITY, PKIXRevocationChecker.Option.NO_FALLBACK));
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(factory.generateCertPath(chain), parameters);
            System.out.println("good");
        } catch (CertPathValidatorException failure) {
            System.out.println(failure.getReason());
        }
    }
}
