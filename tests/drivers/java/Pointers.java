import java.io.FileInputStream;
import java.io.InputStream;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.PKIXRevocationChecker.Option;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.Set;

/** Builds a certificate's chain by its pointers, and checks it by CRLs, or "ocsp": ROOT CERTIFICATE [ocsp]. */
public final class Pointers {
    public static void main(String[] arguments) throws Exception {
        X509CertSelector wanted = new X509CertSelector();
        wanted.setCertificate(read(arguments[1]));
        PKIXBuilderParameters parameters =
            new PKIXBuilderParameters(Set.of(new TrustAnchor(read(arguments[0]), null)), wanted);
        parameters.setRevocationEnabled(true);
        CertPathBuilder builder = CertPathBuilder.getInstance("PKIX");
        if (arguments.length > 2) {
            PKIXRevocationChecker checker = (PKIXRevocationChecker) builder.getRevocationChecker();
            checker.setOptions(EnumSet.of(Option.NO_FALLBACK, Option.ONLY_END_ENTITY));
            parameters.addCertPathChecker(checker);
        }
        try {
            builder.build(parameters);
            System.out.println("good");
        } catch (CertPathBuilderException failure) {
            Throwable cause = failure;
            while (cause.getCause() != null && !(cause instanceof CertPathValidatorException)) {
                cause = cause.getCause();
            }
            boolean isKnown = cause instanceof CertPathValidatorException;
            System.out.println(isKnown ? ((CertPathValidatorException) cause).getReason() : cause);
        }
    }

    private static X509Certificate read(String path) throws Exception {
        try (InputStream stream = new FileInputStream(path)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(stream);
        }
    }
}
